-- The next moves after an id with which tickets entered the phase in which they still are, and their last id.
-- Not those that somebody has looked at before.
WITH next AS MATERIALIZED (
  SELECT
    h.id,
    h.ticket_id,
    h.move,
    h.ground
  FROM tickets_phasemove h
  WHERE h.id > %(after)s::bigint
    AND h.id <> ALL ((SELECT %(seen)s::bigint[])::bigint[])
  ORDER BY h.id
  LIMIT %(most)s::bigint
)

SELECT
  next.id,
  next.ticket_id,
  next.move,
  k.stands IS NOT NULL AS entered
FROM next
LEFT JOIN LATERAL (
  SELECT true AS stands
  FROM tickets_ticket k
  JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = k.phase
  WHERE k.id = next.ticket_id
    AND k.moves = next.move
    AND k.archived_at IS NULL
    AND p.moves_to <> '{}'
    AND next.ground IN ('born', 'ungated', 'verdict', 'back', 'forced', 'reopened')
    AND NOT EXISTS (SELECT FROM tickets_storedestimate s WHERE s.move_id = next.id)
  OFFSET 0
) k ON true
ORDER BY next.id
