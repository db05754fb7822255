-- The phases to which nobody is granted work, by project and workflow version: another one is full. Read only
-- if there is a lane that may be held.
holding AS MATERIALIZED (
  SELECT
    d.project_id,
    d.workflow_id,
    h.wip->'holds' AS phases
  FROM (
    SELECT DISTINCT
      l.project_id,
      l.workflow_id
    FROM lanes l
    WHERE l.project_id = ANY (%(guards)s::bigint[])
      AND l.workflow_id IS NOT NULL
  ) d
  CROSS JOIN LATERAL (
    {holding_phases}
  ) h
),
