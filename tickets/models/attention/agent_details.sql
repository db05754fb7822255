(
  SELECT
    jsonb_build_object(
      'about', a.name,
      'reason', a.state_reason,
      'instances', ARRAY(SELECT jsonb_object_keys(p.instances) ORDER BY 1)
    )
  FROM agents_agent_projects m
  JOIN agents_agent a ON a.id = m.agent_id
  LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
  WHERE m.id = f.id
)
