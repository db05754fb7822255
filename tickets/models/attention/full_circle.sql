-- A full phase whose tickets all need work that waits for room in it, by the ticket that has been there
-- longest. Those are looked at that hold work which is ready, and those in which tickets wait for room.
SELECT DISTINCT
  k.id,
  k.phase_since AS since,
  'operator' AS who,
  k.id AS ticket_id,
  NULL::bigint AS task_id
FROM (
  SELECT
    h.workflow_id,
    h.phase
  FROM tickets_phasehold h
  WHERE h.project_id = j.id
    AND h.is_full
    AND EXISTS (
      SELECT
      FROM (
        {lanes}
      ) l
      WHERE l.workflow_id = h.workflow_id
        AND l.phase = ANY (h.holds)
    )
  UNION
  SELECT
    r.workflow_id,
    r.name
  FROM (
    SELECT DISTINCT w.room_id
    FROM tickets_ticketwait w
    WHERE w.project_id = j.id
      AND w.room_id IS NOT NULL
      AND w.who = 'operator'
  ) w
  JOIN tickets_workflowphase r ON r.id = w.room_id
) c
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase p
  WHERE p.workflow_id = c.workflow_id
    AND p.name = c.phase
    AND omoi_full(j.id, p.workflow_id, p.name, p.wip)
  OFFSET 0
) p
CROSS JOIN LATERAL (
  {longest_waiting}
) first
JOIN tickets_ticket k ON k.key = first.key
WHERE NOT j.paused
  AND NOT {frozen}
  AND first.who IS NULL
  AND {full_circle}
