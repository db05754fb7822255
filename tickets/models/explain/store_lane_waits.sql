WITH found AS MATERIALIZED (
  {waits}
)
INSERT INTO tickets_lanewait AS w (lane_id, project_id, variant, who, at)
SELECT
  lane_id,
  project_id,
  variant,
  who,
  clock_timestamp()
FROM found
ORDER BY
  lane_id,
  variant
ON CONFLICT (lane_id, variant) DO UPDATE SET
  who = excluded.who,
  at = excluded.at
WHERE w.who IS DISTINCT FROM excluded.who
RETURNING lane_id
