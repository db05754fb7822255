-- `seen`: whether the agent may see the task. The holder of a task in another project is not revealed.
SELECT
  t.id,
  t.state,
  t.fence,
  t.settled_by,
  t.settled_fence,
  t.settled_as,
  h.name AS holder,
  a.sees_all OR EXISTS (
    SELECT
    FROM agents_agent_projects m
    WHERE m.agent_id = a.id
      AND m.project_id = t.project_id
  ) AS seen
FROM tickets_task t
JOIN agents_agent a ON a.id = %s
LEFT JOIN agents_agent h ON h.id = t.holder_id
WHERE t.id = ANY (%s)
