WITH held_key AS MATERIALIZED ({held_key}
),

held AS MATERIALIZED (
{lock_held}
)

UPDATE tickets_task t
SET lease_expires_at = clock_timestamp() + coalesce(%(lease_s)s::int, t.lease_s) * interval '1 s'
WHERE t.id = ANY (ARRAY(SELECT id FROM held))
RETURNING
  t.id AS task,
  t.fence,
  t.lease_expires_at
