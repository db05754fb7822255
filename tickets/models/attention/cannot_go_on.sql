-- A pending task of which a need was cancelled, so that it can never be met. Where a need failed, the failed
-- task is listed itself.
SELECT
  t.id,
  n.since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM tickets_task t
CROSS JOIN LATERAL (
  SELECT
    max(p.ended_at) AS since,
    bool_or(p.state = 'failed') AS failed
  FROM tickets_need n
  JOIN tickets_task p ON p.id = n.parent_id
  WHERE n.child_id = t.id
    AND p.state IN ('completed', 'failed', 'cancelled')
    AND NOT {met}
) n
WHERE t.project_id = j.id
  AND t.state = 'pending'
  AND t.unsatisfiable
  AND NOT t.held
  AND NOT n.failed
  AND NOT j.paused
