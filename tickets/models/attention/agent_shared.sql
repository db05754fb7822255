-- Agents under whose name several processes work. There is one item for each project of such an agent.
SELECT
  m.id,
  p.shared_since AS since,
  'admin' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM agents_agentpresence p
JOIN agents_agent_projects m ON m.agent_id = p.agent_id
WHERE p.shared_at > (SELECT clock_timestamp()) - {shared_for}
  AND m.project_id = j.id
