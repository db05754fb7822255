(
  SELECT
    jsonb_build_object('to', x.name)
  FROM tickets_workflowphase p
  JOIN tickets_workflowphase x
    ON x.workflow_id = p.workflow_id
    AND x.position > p.position
    AND x.name = ANY (p.moves_to)
  WHERE p.workflow_id = k.workflow_id
    AND p.name = k.phase
  ORDER BY array_position(p.moves_to, x.name)
  LIMIT 1
)
