-- The pools that a claim of this agent may need: its own, and for a worker those that profiles name in these
-- projects. Who holds such a lock waits for no other row.
SELECT p.id
FROM agents_pool p
WHERE p.name = ANY (
  ARRAY(
    SELECT unnest(
      a.pools || CASE
        WHEN a.runs_profiles THEN ARRAY(
          SELECT unnest(l.pools)
          FROM tickets_lane l
          WHERE l.project_id = ANY (%(guards)s::bigint[])
        )
      END
    )
    FROM agents_agent a
    WHERE a.id = %(agent)s
  )
)
ORDER BY p.id
FOR NO KEY UPDATE
