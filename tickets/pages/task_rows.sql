-- What the list and the graph show of these tasks. `agent` holds the task or ended it.
SELECT
  t.id,
  t.ticket_key,
  t.phase,
  t.title,
  t.kind,
  t.capabilities,
  t.state,
  t.open_needs,
  t.unsatisfiable,
  t.not_due,
  t.held,
  t.ready_at,
  t.bumped_at,
  t.attempts,
  t.max_attempts,
  t.claimed_at,
  t.ended_at,
  t.error,
  t.progress,
  t.events,
  a.name AS agent
FROM tickets_task t
LEFT JOIN agents_agent a ON a.id = coalesce(t.holder_id, t.settled_by)
WHERE t.id = ANY (%s)
