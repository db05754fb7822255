(
  l.workflow_id IS NULL
  OR NOT EXISTS (
    SELECT
    FROM holding h
    WHERE (h.project_id, h.workflow_id) = (l.project_id, l.workflow_id)
      AND jsonb_exists(h.phases, l.phase)
  )
)
