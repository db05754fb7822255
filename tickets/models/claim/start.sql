-- The first start also sets the time out, which counts from it.
WITH i AS (
  SELECT *
  FROM unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS i(id, fence)
),

held AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  JOIN i ON {held}
  ORDER BY t.id
  FOR NO KEY UPDATE OF t
)

UPDATE tickets_task t
SET
  started_at = coalesce(t.started_at, clock_timestamp()),
  timeout_at = CASE
    WHEN t.started_at IS NULL THEN clock_timestamp() + t.timeout_s * interval '1 s'
    ELSE t.timeout_at
  END
FROM held
WHERE t.id = held.id
RETURNING t.id
