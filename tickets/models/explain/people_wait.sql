-- If ticket `k`, in phase `p`, waits for people: since when, and for whom. None of its tasks is open, and no
-- automatic move is due.
SELECT
  greatest(
    k.phase_since,
    (
      SELECT max(t.ended_at)
      FROM tickets_task t
      WHERE t.ticket_id = k.id
        AND t.phase = k.phase
    ),
    (
      SELECT max(a.at)
      FROM tickets_artifact a
      WHERE a.ticket_id = k.id
        AND a.phase = k.phase
    )
  ) AS since,
  CASE
    WHEN NOT {awaits_approval} THEN 'operator'
    WHEN p.approvals->>'role' = 'admin' THEN 'admin'
    ELSE 'approver'
  END AS who
FROM (
  -- the phase that was found is open, and mostly the only one: then no other is looked for
  SELECT
    CASE
      WHEN k.workflow_id = p.workflow_id AND p.automatic <> 'on_claim' THEN ARRAY[k.phase]
      ELSE (
        SELECT o.phases
        FROM {open_phases}
      )
    END AS phases
) o
WHERE NOT EXISTS (
  SELECT
  FROM tickets_task t
  WHERE t.ticket_id = k.id
    AND t.state IN ('pending', 'claimed')
    AND NOT t.unsatisfiable
    AND {in_open_phase}
  OFFSET 0
)
AND NOT ({automatic})
OFFSET 0  -- since when is only asked of those that wait
