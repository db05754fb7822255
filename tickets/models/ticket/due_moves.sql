-- Tickets due for an automatic move. Most tickets are in other phases: the condition on their workflow rows
-- leaves those out before anything else is read.
(
  SELECT
    k.id,
    k.workflow_id,
    k.phase,
    false AS failed_before
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
    true
  FROM tickets_ticket k
  WHERE {which}
    AND k.move_fault <> ''
    AND {due}
  ORDER BY random()
  LIMIT %(again)s
)
