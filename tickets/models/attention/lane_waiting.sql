-- One item for each unserved lane, whose tasks all wait for the same agents. It is about the first of them.
SELECT
  l.id,
  coalesce(l.ready_at, l.created_at) AS since,
  'admin' AS who,
  l.ticket_id,
  l.task_id
FROM (
  SELECT
    l.*,
    t.*
  FROM tickets_lane l
  CROSS JOIN LATERAL (
    SELECT
      t.id AS task_id,
      t.ticket_id,
      t.ready_at,
      t.created_at
    FROM tickets_task t
    WHERE t.lane_id = l.id
      AND t.rank >= l.floor
      AND {ready}
    ORDER BY
      t.rank,
      t.id
    LIMIT 1
  ) t
  WHERE l.project_id = j.id
    AND NOT l.paused
  OFFSET 0  -- the agents are looked at only for lanes with work
) l
WHERE {unserved}
