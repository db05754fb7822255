-- The phases to which nobody is granted work, by project and workflow version: another one is full, or one of
-- its tickets has waited for people too long. See phase_hold.py.
holding AS MATERIALIZED (
  SELECT
    h.project_id,
    h.workflow_id,
    h.holds AS phases
  FROM tickets_phasehold h
  WHERE h.project_id = ANY (%(guards)s::bigint[])
    AND (h.is_full OR h.waits)
    AND (
      h.is_full
      OR EXISTS (
        SELECT
        FROM tickets_workflowphase p
        WHERE p.workflow_id = h.workflow_id
          AND p.name = h.phase
          AND {waited_too_long}
        OFFSET 0
      )
    )
),
