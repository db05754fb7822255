(
  SELECT jsonb_build_object('wip', p.wip)
  FROM tickets_workflowphase p
  WHERE p.workflow_id = k.workflow_id
    AND p.name = k.phase
)
