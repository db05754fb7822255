{fits}
AND (
  a.sees_all
  OR EXISTS (
    SELECT
    FROM agents_agent_projects m
    WHERE m.agent_id = a.id
      AND m.project_id = l.project_id
  )
)
