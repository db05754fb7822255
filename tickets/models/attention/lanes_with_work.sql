-- The lanes with such work, whose tasks all wait for the same agents, each with the first of these tasks.
SELECT
  l.*,
  t.*
FROM tickets_lane l
CROSS JOIN LATERAL (
  SELECT
    t.id AS task_id,
    t.ticket_id,
    {since} AS since
  FROM tickets_task t
  WHERE t.lane_id = l.id
    AND {work}
  ORDER BY
    {order},
    t.id
  LIMIT 1
) t
WHERE l.project_id = j.id
  AND NOT l.paused
  AND NOT {frozen}
OFFSET 0  -- the agents are looked at only for lanes with work
