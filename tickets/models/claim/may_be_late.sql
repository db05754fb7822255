
(
  t.settled_as = 'lapsed'
  AND t.state IS NOT DISTINCT FROM 'pending'
  AND t.settled_by = %(agent)s
  AND t.settled_fence = t.fence
  -- its lease has ended, and no sweep has looked yet
  OR t.state IS NOT DISTINCT FROM 'claimed'
  AND t.holder_id IS NOT DISTINCT FROM %(agent)s
  AND t.attempts < t.max_attempts
  AND NOT ({runs_alone})
)
-- within its time
AND coalesce(
  coalesce(t.started_at, t.claimed_at) + t.timeout_s * interval '1 s' > clock_timestamp(),
  true
)
-- in its phase: a pause keeps it there
AND (
  NOT t.held
  OR (
    SELECT (k.paused OR k.archived_at IS NOT NULL) AND k.phase <> 'BLOCKED'
    FROM tickets_ticket k
    WHERE k.id = t.ticket_id
  )
)
