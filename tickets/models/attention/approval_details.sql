(
  SELECT
    jsonb_build_object(
      'approvals', p.approvals,
      'approved', omoi_approved_by(k.id, k.phase)
    )
  FROM tickets_workflowphase p
  WHERE p.workflow_id = k.workflow_id
    AND p.name = k.phase
)
