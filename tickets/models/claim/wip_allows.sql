(
  l.workflow_id IS NULL
  OR NOT EXISTS (
    SELECT
    FROM holding h
    WHERE (h.project_id, h.workflow_id) = (l.project_id, l.workflow_id)
      AND l.phase = ANY (h.phases)
  )
)
