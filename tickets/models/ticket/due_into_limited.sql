-- The tickets of these projects that are due for an automatic move into a phase with a limit that has room,
-- those that wait longest first: of each phase as many as there is room for, and `spare` more. Nothing is
-- asked of tickets whose next phase is full.
SELECT
  k.id,
  k.project_id,
  k.workflow_id,
  k.phase
FROM unnest(%(projects)s::bigint[]) j(id)
CROSS JOIN (
  SELECT
    p.workflow_id,
    p.name,
    x.name AS next,
    (x.wip->>'limit')::int AS most
  FROM tickets_workflowphase p
  -- the phase it moves on to, as in automatic.sql
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
  WHERE p.automatic <> ''
    AND x.wip IS NOT NULL
    -- most versions have no such phase
    AND p.workflow_id = ANY (ARRAY(
      SELECT l.workflow_id
      FROM tickets_workflowphase l
      WHERE l.wip IS NOT NULL
    ))
) p
CROSS JOIN LATERAL (
  SELECT p.most - omoi_standing(j.id, p.workflow_id, p.next, p.most) AS room
  OFFSET 0  -- counted once
) r
CROSS JOIN LATERAL (
  SELECT *
  FROM (
    SELECT
      k.*,
      s.since
    FROM tickets_ticket k
    CROSS JOIN LATERAL {since} s(since)
    WHERE k.workflow_id = p.workflow_id
      AND k.phase = p.name
      AND k.project_id = j.id
      AND k.archived_at IS NULL
      AND k.move_fault = ''
    ORDER BY
      s.since,
      k.id
    OFFSET 0  -- whether it is due is asked of one after the other, until there are enough
  ) k
  WHERE {due}
  LIMIT r.room + %(spare)s
) k
WHERE r.room > 0
ORDER BY
  k.since,
  k.id
