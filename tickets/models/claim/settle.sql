WITH held_key AS MATERIALIZED ({held_key}
),

i AS (
  SELECT *
  FROM unnest(
    %(ids)s::bigint[],
    %(fences)s::bigint[],
    %(outcomes)s::text[],
    %(results)s::jsonb[],
    %(errors)s::text[],
    %(again)s::bool[]
  ) AS i(id, fence, outcome, result, error, again)
),

held AS MATERIALIZED (
  SELECT
    t.id,
    i.outcome,
    i.result,
    i.error,
    i.outcome = 'failed' AND i.again AND t.attempts < t.max_attempts AS again
  FROM tickets_task t
  JOIN i ON {held}
  ORDER BY t.id
  FOR NO KEY UPDATE OF t
),

-- Back-off before the next attempt: min(60 s, 2^n s x uniform(0.75, 1.25)), n = attempts that failed before
-- this one.
settled AS (
  UPDATE tickets_task t
  SET
    state = CASE WHEN h.again THEN 'pending' ELSE h.outcome END,
    holder_id = NULL,
    lease_expires_at = NULL,
    timeout_at = NULL,
    promote_at = NULL,
    events = t.events + 1,
    settled_by = %(agent)s,
    settled_fence = t.fence,
    settled_as = h.outcome,
    result = h.result,
    error = h.error,
    worker_deaths = CASE h.outcome WHEN 'completed' THEN 0 ELSE t.worker_deaths END,
    not_due = h.again,
    retries = t.retries + h.again::int,
    not_before = CASE
      WHEN h.again THEN
        clock_timestamp() + least(60, power(2, t.attempts - 1) * (0.75 + random() / 2)) * interval '1 s'
    END,
    ended_at = CASE WHEN NOT h.again THEN clock_timestamp() END
  FROM held h
  WHERE t.id = h.id
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.fence,
    t.state,
    t.attempts,
    t.error,
    t.events
),

log AS ({events}
)

-- `over`: whether its ticket has no other open task in its phase.
SELECT
  settled.id,
  settled.ticket_id,
  settled.state,
  o.over
FROM settled
JOIN (
  SELECT
    s.ticket_id,
    NOT bool_or(s.state = 'pending') AND NOT EXISTS (
      SELECT
      FROM tickets_ticket k
      JOIN tickets_task t ON t.ticket_id = k.id AND t.phase = k.phase
      WHERE k.id = s.ticket_id
        AND t.state IN ('pending', 'claimed')
        AND t.id <> ALL (ARRAY(SELECT id FROM settled))
    ) AS over
  FROM settled s
  GROUP BY s.ticket_id
) o USING (ticket_id)
