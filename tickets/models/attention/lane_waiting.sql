-- One item for each unserved lane, whose tasks all wait for the same agents. It is about the first of them.
SELECT
  l.id,
  coalesce(t.ready_at, t.created_at) AS since,
  'admin' AS who,
  t.ticket_id,
  t.id AS task_id
FROM (
  SELECT l.id
  FROM tickets_lane l
  WHERE l.project_id = j.id
    AND NOT l.paused
    AND {unserved}
  OFFSET 0  -- agents are few; tasks are looked up only in lanes that nobody serves
) l
CROSS JOIN LATERAL (
  SELECT
    t.id,
    t.ticket_id,
    t.ready_at,
    t.created_at
  FROM tickets_task t
  WHERE t.lane_id = l.id
    AND {ready}
  ORDER BY
    t.rank,
    t.id
  LIMIT 1
) t
