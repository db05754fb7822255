-- Whether the full phase `p` waits for itself: each of its tickets has a task there that needs one which does
-- not begin until there is room, because `p` holds its phase, or because its ticket stands before `p`. Of
-- what may be met in several ways, nothing is followed. Of very many tickets and needs only the first are
-- looked at.
NOT EXISTS (
  SELECT
  FROM (
    SELECT array_agg(v.id) AS versions
    FROM tickets_workflow u
    JOIN tickets_workflow v ON v.name = u.name
    WHERE u.id = p.workflow_id
  ) v
  CROSS JOIN LATERAL (
    SELECT k.id
    FROM omoi_standing_tickets({project}, p.workflow_id, p.name) k
    ORDER BY k.id
    LIMIT {looked_at}
  ) k
  WHERE NOT EXISTS (
    WITH RECURSIVE needed AS (
      SELECT
        t.id,
        t.ticket_id,
        t.phase,
        t.open_needs = t.edges_left AS needs_all
      FROM tickets_task t
      WHERE t.ticket_id = k.id
        AND t.phase = p.name
        AND t.state = 'pending'
      UNION
      SELECT
        t.id,
        t.ticket_id,
        t.phase,
        t.open_needs = t.edges_left
      FROM needed d
      JOIN tickets_need n ON n.child_id = d.id
      JOIN tickets_task t ON t.id = n.parent_id
      WHERE d.needs_all
        AND t.state = 'pending'
    )
    SELECT
    FROM (
      SELECT *
      FROM needed
      LIMIT {followed}
    ) d
    JOIN tickets_ticket b ON b.id = d.ticket_id
    WHERE b.workflow_id = ANY (v.versions)
      AND (
        jsonb_exists(p.wip->'holds', d.phase)
        OR d.phase = p.name
          AND EXISTS (
            SELECT
            FROM tickets_workflowphase x
            WHERE x.workflow_id = b.workflow_id
              AND x.name = b.phase
              AND x.position < p.position
          )
      )
  )
)
