-- What the list shows of these tasks. `waits`, `waits_at`: who each waits on, and when that was stored.
-- `alike`: the mark of its error.
SELECT
  t.id,
  t.ticket_key,
  t.title,
  t.kind,
  t.phase,
  t.capabilities,
  t.operation,
  t.profile,
  t.state,
  t.open_needs,
  t.unsatisfiable,
  t.not_due,
  t.held,
  t.priority,
  t.bumped_at,
  t.attempts,
  t.max_attempts,
  t.rate_limits,
  t.claimed_at,
  t.lease_expires_at,
  t.active_at,
  t.stalled_at,
  t.created_at,
  t.ended_at,
  left(t.error, 300) AS error,
  t.failure,
  CASE WHEN t.state = 'failed' THEN omoi_error_mark(t.error) END AS alike,
  (
    SELECT a.name
    FROM agents_agent a
    WHERE a.id = coalesce(t.holder_id, t.settled_by)
  ) AS agent,
  s.who AS waits,
  s.at AS waits_at
FROM tickets_task t
LEFT JOIN LATERAL (
  {stored_wait}
  WHERE w.id = t.id
) s ON true
WHERE t.id = ANY (%(ids)s)
