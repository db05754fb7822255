-- The pools that a claim of this worker may need: its own, and those that profiles name in these projects, of
-- which no lane with other pools can be made any more. Who holds such a lock waits for no other row.
SELECT p.id
FROM agents_pool p
WHERE p.name = ANY (
  ARRAY(
    SELECT unnest(
      a.pools || ARRAY(
        SELECT unnest(l.pools)
        FROM tickets_lane l
        WHERE l.project_id = ANY (%(guards)s::bigint[])
      )
    )
    FROM agents_agent a
    WHERE a.id = %(agent)s
  )
)
ORDER BY p.id
FOR NO KEY UPDATE
