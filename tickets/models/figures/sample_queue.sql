-- How many tasks are ready and how many are claimed now, as the last word of this hour: of each project, and
-- of all together (project 0), which so has a row of each hour in which somebody looked. A project without
-- either has a row only if it had one already.
WITH now AS MATERIALIZED (
  SELECT date_trunc('hour', clock_timestamp(), 'UTC') AS hour
),

queues AS MATERIALIZED (
  SELECT
    p.id AS project,
    ready.number AS ready,
    claimed.number AS claimed
  FROM agents_project p
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(of_lane.number), 0)::int AS number
    FROM tickets_lane l
    CROSS JOIN LATERAL (
      SELECT count(*) AS number
      FROM (
        SELECT
        FROM tickets_task t
        WHERE t.lane_id = l.id
          AND {ready}
        LIMIT %(most)s::bigint
      ) t
    ) of_lane
    WHERE l.project_id = p.id
  ) ready
  CROSS JOIN LATERAL (
    SELECT count(*)::int AS number
    FROM (
      SELECT
      FROM tickets_task t
      WHERE t.project_id = p.id
        AND t.state = 'claimed'
      LIMIT %(most)s::bigint
    ) t
  ) claimed
)

INSERT INTO tickets_hourlyfigures (project_id, hour, ready, claimed)
SELECT
  q.project,
  now.hour,
  q.ready,
  q.claimed
FROM (
  SELECT *
  FROM queues
  UNION ALL
  SELECT
    0,
    coalesce(sum(ready), 0)::int,
    coalesce(sum(claimed), 0)::int
  FROM queues
) q
CROSS JOIN now
WHERE q.project = 0
  OR q.ready + q.claimed > 0
  OR EXISTS (
    SELECT
    FROM tickets_hourlyfigures h
    WHERE h.project_id = q.project
      AND h.hour = now.hour
  )
ORDER BY q.project
ON CONFLICT (project_id, hour) DO UPDATE SET
  ready = excluded.ready,
  claimed = excluded.claimed
