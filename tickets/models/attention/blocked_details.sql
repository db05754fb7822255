-- Where it may go on: in the phase it was blocked in, or the nearest before it that the workflow allows.
(
  SELECT
    jsonb_build_object(
      'class', k.blocked_class,
      'reason', k.blocked_reason,
      'to', (
        SELECT x.name
        FROM tickets_workflowphase p
        JOIN tickets_workflowphase x
          ON x.workflow_id = p.workflow_id
          AND x.position <= p.position
        CROSS JOIN LATERAL (
          SELECT e->'blocked_to' AS allowed
          FROM tickets_workflow w
          CROSS JOIN jsonb_array_elements(w.document->'phases') e
          WHERE w.id = p.workflow_id
            AND e->>'name' = p.name
        ) e
        WHERE p.workflow_id = k.workflow_id
          AND p.name = h.to_phase
          AND (e.allowed IS NULL OR e.allowed @> to_jsonb(x.name))
        ORDER BY x.position DESC
        LIMIT 1
      )
    )
  FROM tickets_phasemove h
  WHERE h.ticket_id = k.id
    AND h.to_phase NOT IN ('BLOCKED', 'CANCELLED')
  ORDER BY h.move DESC
  LIMIT 1
)
