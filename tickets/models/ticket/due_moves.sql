-- Tickets due for an automatic move. Most tickets are in other phases: the condition on their workflow rows
-- leaves those out before anything else is read. Those that failed before are chosen at random, so that many
-- with the same fault neither take all the time nor hide one that is fixed.
(
  SELECT
    k.id,
    k.workflow_id,
    k.phase,
    false AS failed_before,
    {since} AS since,
    k.project_id
  FROM tickets_ticket k
  WHERE {which}
    AND k.move_fault = ''
    AND (k.workflow_id, k.phase) IN (
      SELECT
        p.workflow_id,
        p.name
      FROM tickets_workflowphase p
      WHERE p.automatic <> ''
    )
    AND {due}
  ORDER BY k.id
  LIMIT %(most)s
)
UNION ALL (
  SELECT
    k.id,
    k.workflow_id,
    k.phase,
    true,
    k.move_fault_at,
    k.project_id
  FROM tickets_ticket k
  WHERE {which}
    AND k.move_fault <> ''
    AND {due}
  ORDER BY random()
  LIMIT %(again)s
)
