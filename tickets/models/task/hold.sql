-- `open_in`: the phases whose tasks can be claimed now; none while the ticket is paused, blocked or
-- archived.
UPDATE tickets_task t
SET held = NOT t.phase = ANY (%(open_in)s::varchar[])
WHERE t.id = ANY (ARRAY(
  SELECT id
  FROM tickets_task
  WHERE ticket_id = %(ticket)s
    AND state IN ('pending', 'claimed', 'failed', 'cancelled')
    AND held = (phase = ANY (%(open_in)s::varchar[]))
  ORDER BY id
  FOR NO KEY UPDATE
))
RETURNING
  t.id,
  t.profile,
  {ready} AS ready
