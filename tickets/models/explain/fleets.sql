-- The agents that fit each of these lanes. The lanes and the agents are read once, however many tasks are
-- asked about.
fleet_lanes AS MATERIALIZED (
  SELECT
    l.id,
    l.project_id,
    l.phase,
    l.capabilities,
    l.has_profile,
    l.alone
  FROM tickets_lane l
  WHERE l.id = ANY (
    ARRAY(
      SELECT DISTINCT t.lane_id
      FROM tickets_task t
      WHERE {tasks}
        AND t.state = 'pending'
    )
  )
),
fleet_agents AS MATERIALIZED (
  SELECT
    a.id,
    a.name,
    a.state,
    a.capabilities,
    a.phases,
    a.runs_profiles,
    a.capacity,
    a.sees_all,
    m.projects,
    p.last_seen_at
  FROM agents_agent a
  LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
  LEFT JOIN (
    SELECT
      m.agent_id,
      array_agg(m.project_id) AS projects
    FROM agents_agent_projects m
    WHERE m.project_id = ANY (ARRAY(SELECT l.project_id FROM fleet_lanes l))
    GROUP BY 1
  ) m ON m.agent_id = a.id
  WHERE a.state <> 'retired'
    AND (a.sees_all OR m.projects IS NOT NULL)
),
fleets AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    f.*
  FROM fleet_lanes l
  CROSS JOIN LATERAL (
    {fleet}
  ) f
)
