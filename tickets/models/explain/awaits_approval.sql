-- A ticket waits for people to approve it: its phase asks for more approvals than it has, nobody refused it
-- since, its work there is done, and no other check refused what it shows.
EXISTS (
  SELECT
  FROM tickets_workflowphase p
  WHERE p.workflow_id = tickets_ticket.workflow_id
    AND p.name = tickets_ticket.phase
    AND p.approvals IS NOT NULL
    AND NOT EXISTS (
      SELECT
      FROM tickets_task t
      WHERE t.ticket_id = tickets_ticket.id
        AND t.phase = p.name
        AND t.state IN ('pending', 'claimed', 'failed')
      OFFSET 0  -- for this ticket: otherwise the open tasks of all may be read first
    )
    -- something is there to look at, unless approvals are all that the gate asks for
    AND (
      EXISTS (
        SELECT
        FROM tickets_artifact a
        WHERE a.ticket_id = tickets_ticket.id
          AND a.phase = p.name
        OFFSET 0
      )
      OR EXISTS (
        SELECT
        FROM tickets_task t
        WHERE t.ticket_id = tickets_ticket.id
          AND t.phase = p.name
          AND t.state = 'completed'
        OFFSET 0
      )
      OR (
        SELECT jsonb_array_length(omoi_gate_of(asked)) = 1
        FROM tickets_workflow w
        CROSS JOIN jsonb_array_elements(w.document->'phases') asked
        WHERE w.id = p.workflow_id
          AND asked->>'name' = p.name
      )
    )
    AND omoi_approved_by(tickets_ticket.id, p.name) < (p.approvals->>'count')::int
    AND {last_decision} IS DISTINCT FROM 'stands'
    AND NOT EXISTS (
      SELECT
      FROM tickets_verdict v
      CROSS JOIN jsonb_array_elements(v.checks) answer
      WHERE v.id = (SELECT max(w.id) FROM tickets_verdict w WHERE w.ticket_id = tickets_ticket.id)
        AND v.move = tickets_ticket.moves
        AND NOT (answer->>'passed')::boolean
        AND answer->>'check' <> 'approvals'
        AND v.evidence = omoi_evidence(tickets_ticket.id, p.name)
    )
)
