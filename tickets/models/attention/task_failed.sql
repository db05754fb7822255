SELECT
  t.id,
  coalesce(t.ended_at, t.created_at) AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
LEFT JOIN tickets_workflowphase kp ON kp.workflow_id = k.workflow_id AND kp.name = k.phase
{each_open_phases}
WHERE t.project_id = j.id
  AND {failed_open}
  AND {in_open_phase}
  AND {goes_on}
