-- The first start also sets the time out, which counts from it.
WITH held AS MATERIALIZED (
{lock_held}
)

UPDATE tickets_task t
SET
  started_at = coalesce(t.started_at, clock_timestamp()),
  timeout_at = CASE
    WHEN t.started_at IS NULL THEN clock_timestamp() + t.timeout_s * interval '1 s'
    ELSE t.timeout_at
  END
WHERE t.id = ANY (ARRAY(SELECT id FROM held))
RETURNING t.id
