WITH held_key AS MATERIALIZED ({held_key}
),

i AS (
  SELECT *
  FROM unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS i(id, fence)
),

held AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  JOIN i ON {held}
  ORDER BY t.id
  FOR NO KEY UPDATE OF t
),

kept AS (
  UPDATE tickets_task t
  SET lease_expires_at = clock_timestamp() + coalesce(%(lease_s)s::int, t.lease_s) * interval '1 s'
  FROM held
  WHERE t.id = held.id
  RETURNING t.id, t.fence, t.lease_expires_at
)

SELECT
  i.id AS task,
  i.fence,
  kept.lease_expires_at
FROM i
LEFT JOIN kept USING (id, fence)
