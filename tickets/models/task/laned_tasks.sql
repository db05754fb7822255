-- Tasks with what decides their lanes.
SELECT
  t.id,
  t.project_id,
  t.lane_id,
  t.phase,
  t.capabilities,
  t.profile,
  t.worker_deaths,
  t.avoid_id,
  coalesce(%(workflow)s, k.workflow_id) AS workflow_id
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE t.id = ANY (%(ids)s)
ORDER BY t.id
