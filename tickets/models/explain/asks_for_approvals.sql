-- `tickets_ticket` is in a phase that asks for approvals: found by those phases, so no other ticket is read.
tickets_ticket.id = ANY (ARRAY(
  SELECT k.id
  FROM tickets_workflowphase p
  CROSS JOIN LATERAL (
    SELECT k.id
    FROM tickets_ticket k
    -- equal; written so, since in any index but `ticket_workflow` all tickets are read
    WHERE (k.workflow_id, k.phase) >= (p.workflow_id, p.name)
      AND (k.workflow_id, k.phase) <= (p.workflow_id, p.name)
    OFFSET 0
  ) k
  WHERE p.approvals IS NOT NULL
))
