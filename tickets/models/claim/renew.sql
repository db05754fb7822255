WITH held_key AS MATERIALIZED ({held_key}
),

held AS MATERIALIZED (
  SELECT t.id
  FROM (
    SELECT
      unnest(%(ids)s::bigint[]) AS id,
      unnest(%(fences)s::bigint[]) AS fence
    ORDER BY 1
  ) i
  CROSS JOIN LATERAL (
    SELECT t.id
    FROM tickets_task t
    WHERE {held}
    FOR NO KEY UPDATE
  ) t
)

UPDATE tickets_task t
SET lease_expires_at = clock_timestamp() + coalesce(%(lease_s)s::int, t.lease_s) * interval '1 s'
WHERE t.id = ANY (ARRAY(SELECT id FROM held))
RETURNING
  t.id AS task,
  t.fence,
  t.lease_expires_at
