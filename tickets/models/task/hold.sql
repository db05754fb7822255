-- `open_in`: the phases whose tasks can be claimed now; none while the ticket is paused, blocked or
-- archived.
UPDATE tickets_task t
SET held = NOT (t.phase = ANY (%(open_in)s::varchar[]) AND {not_limited})
WHERE t.id = ANY (ARRAY(
  SELECT o.id
  FROM tickets_task o
  WHERE o.ticket_id = %(ticket)s
    AND o.state IN ('pending', 'claimed', 'failed', 'cancelled')
    AND o.held = (o.phase = ANY (%(open_in)s::varchar[]) AND {that_not_limited})
  ORDER BY o.id
  FOR NO KEY UPDATE
))
RETURNING
  t.id,
  t.profile,
  {ready} AS ready
