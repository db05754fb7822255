-- Agents that were put out of service because of what they failed, in each of their projects.
SELECT
  m.id,
  a.state_at AS since,
  'admin' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM agents_agent a
JOIN agents_agent_projects m ON m.agent_id = a.id
WHERE a.state = 'maintenance'
  AND a.state_by = {by}
  AND m.project_id = j.id
