SELECT
  k.id,
  greatest(
    k.phase_since,
    (SELECT max(a.at) FROM tickets_artifact a WHERE a.ticket_id = k.id AND a.phase = k.phase),
    (SELECT max(t.ended_at) FROM tickets_task t WHERE t.ticket_id = k.id AND t.phase = k.phase)
  ) AS since,
  p.approvals->>'role' AS who,
  k.id AS ticket_id,
  NULL::bigint AS task_id
FROM tickets_workflowphase p
CROSS JOIN LATERAL (
  SELECT *
  FROM (
    SELECT *
    FROM tickets_ticket k
    -- equal; written so, and sorted outside, since in any index but `ticket_workflow` all tickets are read
    WHERE (k.workflow_id, k.phase, k.project_id) >= (p.workflow_id, p.name, j.id)
      AND (k.workflow_id, k.phase, k.project_id) <= (p.workflow_id, p.name, j.id)
      AND k.archived_at IS NULL
    OFFSET 0
  ) k
  ORDER BY k.id
  LIMIT 5000  -- bounds what a page costs
) k
WHERE p.approvals IS NOT NULL
  AND {awaits_approval}
  AND {goes_on}
