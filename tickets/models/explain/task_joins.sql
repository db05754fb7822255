JOIN tickets_ticket k ON k.id = t.ticket_id
JOIN tickets_lane l ON l.id = t.lane_id
JOIN agents_project j ON j.id = t.project_id
LEFT JOIN agents_agent h ON h.id = t.holder_id
LEFT JOIN agents_agentpresence hp ON hp.agent_id = h.id
LEFT JOIN tickets_workflowphase tp ON tp.workflow_id = k.workflow_id AND tp.name = t.phase
LEFT JOIN tickets_workflowphase kp ON kp.workflow_id = k.workflow_id AND kp.name = k.phase
{join_open_phases}
LEFT JOIN LATERAL (
  {needs}
) n ON true
LEFT JOIN fleets f ON f.lane_id = t.lane_id AND t.state = 'pending'
