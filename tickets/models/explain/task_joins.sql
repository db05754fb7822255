-- Everything is looked up by its key, for one task after the other. OFFSET 0 holds PostgreSQL to that: with
-- statistics from other days it would join these tables first, and read all agents or tickets for each task.
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_ticket k
  WHERE k.id = t.ticket_id
  OFFSET 0
) k
{lane_joins}
LEFT JOIN LATERAL (
  SELECT *
  FROM agents_agent h
  WHERE h.id = t.holder_id
  OFFSET 0
) h ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM agents_agentpresence hp
  WHERE hp.agent_id = t.holder_id
  OFFSET 0
) hp ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase tp
  WHERE tp.workflow_id = k.workflow_id
    AND tp.name = t.phase
  OFFSET 0
) tp ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase kp
  WHERE kp.workflow_id = k.workflow_id
    AND kp.name = k.phase
  OFFSET 0
) kp ON true
{join_open_phases}
LEFT JOIN LATERAL (
  {needs}
) n ON true
