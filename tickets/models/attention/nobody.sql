-- Open tasks and tickets that wait on nobody, as it is stored. Where all of a lane does, it is about the
-- first of its tasks; where a task is the reason, its ticket is not listed too. Odd ids are of tickets.
SELECT
  2 * t.id AS id,
  found.at AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM (
  SELECT
    w.id,
    w.at
  FROM tickets_taskwait w
  WHERE w.project_id = j.id
    AND w.who = ''
  UNION ALL
  SELECT
    w.id,
    g.at
  FROM tickets_lanewait g
  CROSS JOIN LATERAL (
    SELECT w.id
    FROM tickets_taskwait w
    WHERE w.lane_id = g.lane_id
      AND w.variant = g.variant
    ORDER BY w.id
    LIMIT 1
  ) w
  WHERE g.project_id = j.id
    AND g.who = ''
) found
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_task t
  WHERE t.id = found.id
  OFFSET 0
) t
WHERE t.state IN ('pending', 'claimed')
  AND NOT j.paused
UNION ALL
SELECT
  2 * w.id + 1 AS id,
  w.at AS since,
  'operator' AS who,
  w.id AS ticket_id,
  NULL AS task_id
FROM tickets_ticketwait w
WHERE w.project_id = j.id
  AND w.who = ''
  AND NOT j.paused
  AND NOT EXISTS (
    SELECT
    FROM tickets_task t
    CROSS JOIN LATERAL (
      SELECT
      FROM tickets_taskwait o
      WHERE o.id = t.id
        AND o.who = ''
      OFFSET 0
    ) o
    WHERE t.ticket_id = w.id
  )
