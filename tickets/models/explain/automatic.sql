NOT tickets_ticket.paused
AND tickets_ticket.archived_at IS NULL
AND EXISTS (
  SELECT
  FROM tickets_workflowphase p
  -- the phase it moves on to
  CROSS JOIN LATERAL (
    SELECT
      x.name,
      x.wip
    FROM tickets_workflowphase x
    WHERE x.workflow_id = p.workflow_id
      AND x.position > p.position
      AND x.name = ANY (p.moves_to)
    ORDER BY array_position(p.moves_to, x.name)
    LIMIT 1
  ) x
  -- the last move into this phase, not counting blocks
  CROSS JOIN LATERAL (
    SELECT
      h.at,
      h.ground IN ('back', 'forced', 'reopened') AND h.move > 0 AS sent
    FROM tickets_phasemove h
    WHERE h.ticket_id = tickets_ticket.id
      AND h.ground NOT IN ('blocked', 'unblocked')
    ORDER BY h.move DESC
    LIMIT 1
  ) m
  WHERE p.workflow_id = tickets_ticket.workflow_id
    AND p.name = tickets_ticket.phase
    AND p.automatic <> ''
    {room}
    -- A gate that refused the present evidence is not judged again until the evidence changes. Verdicts
    -- that a person asked for do not count: only the workflow's own refusal adds repair tasks.
    AND NOT (
      p.gated
      AND EXISTS (
        SELECT
        FROM tickets_verdict v
        WHERE v.ticket_id = tickets_ticket.id
          AND v.move = tickets_ticket.moves
          AND NOT v.passed
          AND v."by" = 'system:workflow'
          AND v.evidence = omoi_evidence(tickets_ticket.id, p.name)
      )
    )
    -- no open task of this phase; counted, because the planner would ask NOT EXISTS after everything else
    AND (
      SELECT count(*)
      FROM (
        SELECT
        FROM tickets_task o
        WHERE o.ticket_id = tickets_ticket.id
          AND o.phase = p.name
          AND o.state IN ('pending', 'claimed')
        LIMIT 1
      ) o
    ) = 0
    -- After a ticket was sent back, forced or reopened, earlier work does not move it on.
    AND CASE p.automatic
      WHEN 'on_claim' THEN EXISTS (
        SELECT
        FROM tickets_task t
        WHERE t.ticket_id = tickets_ticket.id
          AND t.phase = x.name
          AND t.fence > 0
          AND (t.state = 'claimed' OR NOT m.sent OR greatest(t.claimed_at, t.ended_at) >= m.at)
      )
      WHEN 'on_completion' THEN (
        EXISTS (
          SELECT
          FROM tickets_task t
          WHERE t.ticket_id = tickets_ticket.id
            AND t.phase = p.name
            AND t.state = 'completed'
        )
        AND (
          NOT m.sent
          OR EXISTS (
            SELECT
            FROM tickets_task t
            WHERE t.ticket_id = tickets_ticket.id
              AND t.phase = p.name
              AND t.ended_at >= m.at
          )
        )
        -- the work of a phase may be to approve
        OR p.approvals IS NOT NULL
        AND omoi_approved_by(tickets_ticket.id, p.name) >= (p.approvals->>'count')::int
      )
      AND NOT EXISTS (
        SELECT
        FROM tickets_task t
        WHERE t.ticket_id = tickets_ticket.id
          AND t.phase = p.name
          AND t.state = 'failed'
      )
      ELSE false
    END
)
