-- The phases with a limit that tickets `k` would move into.
SELECT DISTINCT
  k.project_id,
  x.id
FROM tickets_ticket k
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase kp
  WHERE kp.workflow_id = k.workflow_id
    AND kp.name = k.phase
  OFFSET 0
) kp
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase x
  WHERE x.workflow_id = k.workflow_id
    AND x.wip IS NOT NULL
    AND (k.move_fault <> '' OR kp.automatic <> '' AND x.name = ANY (kp.moves_to))
  OFFSET 0
) x
WHERE {tickets}
