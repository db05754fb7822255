WITH held_key AS MATERIALIZED ({held_key}
),

-- One by one, in the order of their ids: see lock_held.sql.
held AS MATERIALIZED (
  SELECT
    t.id,
    i.outcome,
    i.result,
    i.error,
    i.outcome = 'failed' AND i.again AND t.attempts < t.max_attempts AS again
  FROM (
    SELECT
      unnest(%(ids)s::bigint[]) AS id,
      unnest(%(fences)s::bigint[]) AS fence,
      unnest(%(outcomes)s::text[]) AS outcome,
      unnest(%(results)s::jsonb[]) AS result,
      unnest(%(errors)s::text[]) AS error,
      unnest(%(again)s::bool[]) AS again
    ORDER BY 1
  ) i
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.attempts,
      t.max_attempts
    FROM tickets_task t
    WHERE {held}
    FOR NO KEY UPDATE
  ) t
),

-- Back-off before the next attempt: min(60 s, 2^n s x uniform(0.75, 1.25)), n = attempts that failed before
-- this one.
settled AS (
  UPDATE tickets_task t
  SET
    state = CASE WHEN h.again THEN 'pending' ELSE h.outcome END,
    holder_id = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
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
    t.phase,
    t.attempts,
    t.error,
    t.events
),

log AS ({events}
),

ticket AS MATERIALIZED (
  SELECT
    s.ticket_id AS id,
    k.phase,
    bool_or(s.state = 'pending') AS again,
    count(*) FILTER (WHERE s.phase = k.phase) AS settled
  FROM settled s
  JOIN tickets_ticket k ON k.id = s.ticket_id
  GROUP BY 1, 2
),

-- `over`: whether the ticket has no other open task in its phase. In the statement's snapshot the tasks that
-- it settles are still open, so counting one more than those is enough. Once for each ticket, not for each
-- task.
ended AS MATERIALIZED (
  SELECT
    k.id,
    NOT k.again AND k.settled >= (
      SELECT count(*)
      FROM (
        SELECT
        FROM tickets_task t
        WHERE t.ticket_id = k.id
          AND t.phase = k.phase
          AND t.state IN ('pending', 'claimed')
        LIMIT k.settled + 1
      ) open
    ) AS over
  FROM ticket k
)

SELECT
  settled.id,
  settled.ticket_id,
  settled.state,
  ended.over
FROM settled
JOIN ended ON ended.id = settled.ticket_id
