-- Stores who these tasks or tickets wait on, where it differs. Returns what it changed, and of each whether
-- the next run would have looked at it again anyway.
WITH {fleets},
found AS MATERIALIZED (
  {found}
),
changes AS MATERIALIZED (
  SELECT
    f.*,
    o.id IS NULL
      OR (o.who, o.lane_id, o.variant) IS DISTINCT FROM (f.who, f.lane_id, f.variant) AS changed,
    coalesce(o.until <= {next}, false){or_due} AS due,
    o.at
  FROM found f
  LEFT JOIN LATERAL (
    SELECT *
    FROM {table} o
    WHERE o.id = f.id
    OFFSET 0
  ) o ON true
  WHERE num_nonnulls(f.who, f.lane_id) = 1
    AND (
      o.id IS NULL
      OR (o.who, o.lane_id, o.variant) IS DISTINCT FROM (f.who, f.lane_id, f.variant)
      OR o.until <= clock_timestamp()
      OR f.until < o.until
      OR o.until IS NULL AND f.until IS NOT NULL
      {or_more_differs}
    )
),
stored AS (
  INSERT INTO {table} AS w (id, project_id, who, lane_id, variant, at, until{more})
  SELECT
    id,
    project_id,
    who,
    lane_id,
    variant,
    CASE WHEN changed THEN clock_timestamp() ELSE at END,
    until{more}
  FROM changes
  ORDER BY id
  ON CONFLICT (id) DO UPDATE SET
    who = excluded.who,
    lane_id = excluded.lane_id,
    variant = excluded.variant,
    at = excluded.at,
    until = excluded.until{set_more}
),
gone AS (
  DELETE FROM {table} w
  WHERE w.id = ANY (%(ids)s)
    AND NOT EXISTS (
      SELECT
      FROM found f
      WHERE f.id = w.id
        AND num_nonnulls(f.who, f.lane_id) = 1
    )
  RETURNING
    id,
    coalesce(until <= {next}, false){or_gone_due} AS due
)
SELECT
  id,
  due
FROM changes
WHERE changed
UNION ALL
SELECT
  id,
  due
FROM gone
