-- The tickets that their workflow would send back after their gate or a person refused, but into a phase that
-- was full; those that wait for a phase that is still full are left out.
SELECT k.id
FROM tickets_ticket k
JOIN tickets_workflowphase kp
  ON kp.workflow_id = k.workflow_id
  AND kp.name = k.phase
WHERE {which}
  AND k.move_fault_at IS NOT NULL
  AND NOT k.paused
  AND k.archived_at IS NULL
  AND NOT {frozen}
  AND ({turned_down})
  AND NOT EXISTS (
    SELECT
    FROM tickets_workflow w
    CROSS JOIN jsonb_array_elements(w.document->'phases') d
    JOIN tickets_workflowphase x
      ON x.workflow_id = w.id
      AND x.name = d->'on_failure'->>'send_back'
    WHERE w.id = k.workflow_id
      AND d->>'name' = k.phase
      AND omoi_full(k.project_id, w.id, x.name, x.wip)
  )
ORDER BY
  k.move_fault_at,
  k.id
LIMIT %(most)s
