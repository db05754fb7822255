-- An agent as it sees itself over REST.
SELECT
  a.version,
  (
    SELECT row_to_json(agent)::text
    FROM (
      SELECT
        a.name,
        a.kind,
        a.state,
        a.state_reason,
        {status} AS status,
        a.capabilities,
        a.phases,
        a.tags,
        a.capacity,
        holds.n AS held,
        greatest(a.capacity - holds.n, 0) AS free,
        a.pools,
        ARRAY(
          SELECT j.key
          FROM agents_agent_projects m
          JOIN agents_project j ON j.id = m.project_id
          WHERE m.agent_id = a.id
          ORDER BY j.key COLLATE "C"
        ) AS projects,
        o.username AS owner,
        {last_seen_at} AS last_seen_at,
        a.version,
        {created_at} AS created_at
    ) agent
  ) AS document
FROM agents_agent a
LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
LEFT JOIN auth_user o ON o.id = a.owner_id
CROSS JOIN LATERAL (
  SELECT count(*) AS n
  FROM tickets_task t
  WHERE t.holder_id = a.id
) holds
WHERE a.id = %(agent)s::bigint
