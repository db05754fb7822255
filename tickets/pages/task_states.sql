-- The tasks of a ticket, the most serious first.
SELECT
  t.id,
  t.state,
  t.unsatisfiable
FROM tickets_task t
WHERE t.ticket_id = %s
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
