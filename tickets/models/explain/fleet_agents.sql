{barring}
-- The agents that may work in one of these projects, each with what it holds. They are read once, however
-- many lanes are compared with them. Whatever PostgreSQL takes for the sizes of the tables, what belongs to
-- an agent is looked up by its key: no table is joined with another as a whole.
fleet_agents AS MATERIALIZED (
  SELECT
    a.*,
    m.projects,
    (
      SELECT p.last_seen_at
      FROM agents_agentpresence p
      WHERE p.agent_id = a.id
    ) AS last_seen_at,
    holds.*,
    {barred_by} AS barred
  FROM (
    SELECT
      m.agent_id,
      array_agg(m.project_id) AS projects
    FROM (
      SELECT
        m.agent_id,
        m.project_id
      FROM agents_agent_projects m
      WHERE m.project_id = ANY (ARRAY({projects}))
      UNION ALL
      SELECT
        a.id,
        NULL
      FROM agents_agent a
      WHERE a.sees_all
    ) m
    GROUP BY 1
  ) m
  CROSS JOIN LATERAL (
    SELECT
      a.id,
      a.name,
      a.state,
      a.capabilities,
      a.phases,
      a.runs_profiles,
      a.pools,
      a.capacity,
      a.sees_all
    FROM agents_agent a
    WHERE a.id = m.agent_id
      AND a.state <> 'retired'
    OFFSET 0
  ) a
  CROSS JOIN LATERAL (
    SELECT
      count(*) AS held,
      coalesce(bool_or({runs_alone}), false) AS holds_alone,
      array_agg(t.project_id) AS works_in  -- DISTINCT could read all tasks, in the order of projects
    FROM tickets_task t
    WHERE t.holder_id = a.id
      AND {lease_holds}
  ) holds
)
