-- Locks what must be locked before a grant from guarded lanes: the agent's row, then the projects of these
-- lanes, then the agent's pools, each kind in the order of ids. The pools of a worker are not locked here,
-- because profiles name some of them (lock_profile_pools.sql).
WITH agent AS MATERIALIZED (
  SELECT
    a.id,
    a.runs_profiles,
    a.pools{columns}
  FROM agents_agent a
  WHERE a.id = %(agent)s::bigint
  FOR NO KEY UPDATE
),

projects AS MATERIALIZED (
  SELECT
    array_to_json(array_agg(p.id)) AS ids,
    count(pg_advisory_xact_lock({lock}, p.id))
  FROM (
    {found}
    ORDER BY 1
  ) p
),

-- Who holds the lock of a pool waits for no other row.
pools AS MATERIALIZED (
  SELECT p.id
  FROM agents_pool p
  WHERE p.name = ANY (
    ARRAY(
      SELECT unnest(agent.pools)
      FROM projects
      JOIN agent ON NOT agent.runs_profiles
    )
  )
  ORDER BY p.id
  FOR NO KEY UPDATE
)

SELECT
  projects.ids AS guards,
  (SELECT count(*) FROM pools) AS pools
FROM projects
