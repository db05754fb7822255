-- The phases to which nobody is granted work, by project and workflow version: another one is full. Read only
-- for lanes that may be held and of which the agent may take something otherwise.
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
    LEFT JOIN limits b ON b.project_id = l.project_id
    WHERE b.open IS NOT FALSE
      AND l.project_id = ANY (%(guards)s::bigint[])
      AND l.workflow_id IS NOT NULL
  ) d
  CROSS JOIN LATERAL (
    {holding_phases}
  ) h
),
