,
    a.capabilities,
    a.phases,
    CASE
      WHEN a.sees_all THEN ARRAY(SELECT p.id FROM agents_project p)
      ELSE ARRAY(
        SELECT m.project_id
        FROM agents_agent_projects m
        WHERE m.agent_id = a.id
      )
    END AS projects
