-- Phases that may hold others: stores in which of them a ticket has waited for people too long, where that
-- has changed. `wrong`: whether the phase is full is stored otherwise than it is.
WITH looked AS MATERIALIZED (
  SELECT
    h.*,
    coalesce(({waited_too_long}), false) AS waits_now,
    h.is_full <> omoi_full(h.project_id, h.workflow_id, h.phase, p.wip) AS wrong
  FROM tickets_phasehold h
  JOIN tickets_workflowphase p ON p.workflow_id = h.workflow_id AND p.name = h.phase
  WHERE h.id > %(after)s
    AND h.id <= %(upto)s
),

stored AS (
  UPDATE tickets_phasehold h
  SET waits = l.waits_now
  FROM looked l
  WHERE h.id = l.id
    AND l.waits <> l.waits_now
)

SELECT
  l.project_id,
  l.workflow_id,
  l.phase,
  l.wrong
FROM looked l
WHERE l.wrong
  OR l.waits <> l.waits_now
