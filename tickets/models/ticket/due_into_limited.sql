-- The tickets of these projects that are due for an automatic move into a phase with a limit that has room,
-- those that wait longest first.
SELECT
  k.id,
  k.project_id,
  k.workflow_id,
  k.phase
FROM tickets_ticket k
CROSS JOIN LATERAL {since} s(since)
WHERE k.project_id = ANY (%(projects)s)
  AND k.archived_at IS NULL
  AND k.move_fault = ''
  AND (k.workflow_id, k.phase) IN (
    SELECT
      p.workflow_id,
      p.name
    FROM tickets_workflowphase p
    JOIN tickets_workflowphase x
      ON x.workflow_id = p.workflow_id
      AND x.name = ANY (p.moves_to)
      AND x.wip IS NOT NULL
    WHERE p.automatic <> ''
  )
  AND {due}
ORDER BY
  s.since,
  k.id
LIMIT %(most)s
