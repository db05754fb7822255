-- The open tasks that this agent alone may do, of those that live: available, and heard of lately. What it
-- holds counts where it would be taken from it.
WITH {fleet_agents},
alone AS MATERIALIZED (
  SELECT l.id
  FROM tickets_lane l
  WHERE l.project_id = ANY (ARRAY({projects}))
    AND EXISTS (
      SELECT
      FROM fleet_agents a
      WHERE a.id = %(agent)s
        AND {may_work}
    )
    AND NOT EXISTS (
      SELECT
      FROM fleet_agents a
      WHERE a.id <> %(agent)s
        AND a.state = 'available'
        AND a.last_seen_at > clock_timestamp() - {heard}
        AND {may_work}
    )
),
left_alone AS (
  SELECT t.id
  FROM alone l
  CROSS JOIN LATERAL (
    SELECT t.id
    FROM tickets_task t
    WHERE t.lane_id = l.id
      AND {ready}
    ORDER BY
      t.rank,
      t.id
    LIMIT %(most)s
  ) t
  WHERE %(available)s
  UNION
  -- those that wait, among the first of each project
  SELECT t.id
  FROM ({projects}) p(id)
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.lane_id,
      t.operation,
      t.unsatisfiable
    FROM tickets_task t
    WHERE t.project_id = p.id
      AND t.state = 'pending'
    ORDER BY t.id
    LIMIT %(examined)s
  ) t
  WHERE %(available)s
    AND t.operation = ''
    AND NOT t.unsatisfiable
    AND t.lane_id IN (SELECT id FROM alone)
  UNION
  SELECT t.id
  FROM tickets_task t
  WHERE t.holder_id = %(agent)s
    AND %(takes_back)s
    AND t.lane_id IN (SELECT id FROM alone)
)
SELECT
  t.id,
  t.ticket_key || '.' || t.id AS key,
  t.title
FROM left_alone f
JOIN tickets_task t ON t.id = f.id
ORDER BY t.id
LIMIT %(most)s
