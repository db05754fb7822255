UPDATE tickets_lane l
SET
  paused = %(paused)s OR l.phase = ANY (%(phases)s::varchar[]),
  guarded = l.avoids OR l.workflow_id IS NOT NULL OR %(limited)s,
  stall_after_s = %(stall_after_s)s
WHERE l.project_id = %(project)s
  AND (l.paused, l.guarded, l.stall_after_s) <> (
    %(paused)s OR l.phase = ANY (%(phases)s::varchar[]),
    l.avoids OR l.workflow_id IS NOT NULL OR %(limited)s,
    %(stall_after_s)s
  )
