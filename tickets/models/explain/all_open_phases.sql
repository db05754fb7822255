-- The open phases of each workflow and phase in which the project has tickets.
all_open_phases AS MATERIALIZED (
  SELECT
    k.workflow_id,
    k.phase,
    o.phases
  FROM (
    SELECT DISTINCT
      workflow_id,
      phase
    FROM tickets_ticket
    WHERE project_id = %(project)s
  ) k
  CROSS JOIN {open_phases}
)
