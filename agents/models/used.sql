-- When keys were last used, many at once: `ages` in seconds. A key that is being revoked is skipped.
UPDATE agents_key key
SET last_used_at = clock_timestamp() - s.age * interval '1 s'
FROM unnest(%(ids)s::bigint[], %(ages)s::float8[]) AS s(id, age)
WHERE key.id = s.id
  AND key.id = ANY (
    ARRAY(
      SELECT k.id
      FROM agents_key k
      WHERE k.id = ANY (%(ids)s::bigint[])
      ORDER BY k.id
      FOR NO KEY UPDATE SKIP LOCKED
    )
  )
