-- The tasks of a ticket, the most serious first. `run`: the key of the run of a pattern whose split added the
-- task.
SELECT
  t.id,
  t.state,
  t.unsatisfiable,
  t.operation,
  coalesce(b.run, '') AS run,
  coalesce(b.pattern, '') AS pattern
FROM tickets_task t
LEFT JOIN (
  SELECT
    (task ->> 2)::bigint AS id,
    r.key AS run,
    r.pattern
  FROM tickets_patternrun r
  CROSS JOIN LATERAL jsonb_array_elements(r.tasks) AS task
  WHERE r.ticket_id = %(ticket)s
    AND task ->> 1 = 'split'
) b ON b.id = t.id
WHERE t.ticket_id = %(ticket)s
ORDER BY
  CASE
    WHEN t.state = 'failed' THEN 0
    WHEN t.state = 'pending' AND t.unsatisfiable THEN 1
    WHEN t.state = 'claimed' THEN 2
    WHEN {ready} THEN 3
    WHEN t.state = 'pending' THEN 4
    WHEN t.state = 'completed' THEN 5
    ELSE 6
  END,
  t.id
LIMIT {most}
