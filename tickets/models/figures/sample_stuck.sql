-- How many tickets are stuck now, as the last word of this hour: of each project, and of all together
-- (project 0), which so has a row of each hour in which somebody looked. A project without any has a row only
-- if it had one already.
WITH now AS MATERIALIZED (
  SELECT date_trunc('hour', clock_timestamp(), 'UTC') AS hour
),

found AS MATERIALIZED (
  SELECT
    f.project,
    f.number
  FROM unnest(%(projects)s::bigint[], %(numbers)s::bigint[]) f(project, number)
)

INSERT INTO tickets_hourlyfigures (project_id, hour, stuck)
SELECT
  s.project,
  now.hour,
  s.number
FROM now
CROSS JOIN LATERAL (
  SELECT *
  FROM found
  UNION ALL
  SELECT
    h.project_id,
    0
  FROM tickets_hourlyfigures h
  WHERE h.hour = now.hour
    AND h.project_id NOT IN (SELECT f.project FROM found f)
    AND h.project_id <> 0
  UNION ALL
  SELECT
    0,
    (SELECT coalesce(sum(f.number), 0) FROM found f)
) s(project, number)
ORDER BY s.project
ON CONFLICT (project_id, hour) DO UPDATE SET stuck = excluded.stuck
