(
  SELECT jsonb_build_object(
    'type', d.type,
    'title', d.title,
    'by', d.by,
    'fault', d.reason,
    'ended', NOT {unfinished}
  )
  FROM tickets_discovery d
  JOIN tickets_ticket k ON k.id = d.ticket_id
  LEFT JOIN tickets_workflowphase kp ON kp.workflow_id = k.workflow_id AND kp.name = k.phase
  WHERE d.id = f.id
)
