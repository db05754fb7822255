WITH held_key AS MATERIALIZED ({held_key}
),

-- One by one, in the order of their ids: see lock_held.sql.
held AS MATERIALIZED (
  SELECT
    t.id,
    CASE WHEN t.unmerged THEN 'failed' ELSE i.outcome END AS outcome,
    i.result,
    CASE WHEN t.unmerged THEN '{not_an_object}' ELSE i.error END AS error,
    i.failure,
    i.kind,
    i.recheck,
    i.limited,
    CASE WHEN t.late THEN 'late' ELSE i.outcome END AS settled_as,
    i.outcome = 'failed' AND (i.recheck OR i.limited OR i.again AND t.attempts < t.max_attempts) AS again
  FROM (
    SELECT
      unnest(%(ids)s::bigint[]) AS id,
      unnest(%(fences)s::bigint[]) AS fence,
      unnest(%(outcomes)s::text[]) AS outcome,
      unnest(%(results)s::jsonb[]) AS result,
      unnest(%(errors)s::text[]) AS error,
      unnest(%(again)s::bool[]) AS again,
      unnest(%(limited)s::bool[]) AS limited,
      unnest(%(rechecks)s::bool[]) AS recheck,
      unnest(%(kinds)s::text[]) AS kind,
      unnest(%(failures)s::text[]) AS failure
    ORDER BY 1
  ) i
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.attempts,
      t.max_attempts,
      i.outcome = 'completed' AND NOT ({holds}) AS late,
      -- what needs a merge reads its result by keys
      i.outcome = 'completed'
        AND t.kind = '{custom_merge}'
        AND t.profile <> ''
        AND coalesce(jsonb_typeof(i.result), 'null') <> 'object' AS unmerged
    FROM tickets_task t
    WHERE {held}
    FOR NO KEY UPDATE
  ) t
),

-- Back-off before the next attempt: min(60 s, 2^n s x uniform(0.75, 1.25)), n = attempts that failed before
-- this one. A recheck waits for its fix instead, which the caller adds. What met the limit of an account
-- costs no attempt and is ready again at once; after a few times in a row it is held for a person.
settled AS (
  UPDATE tickets_task t
  SET
    state = CASE WHEN h.again THEN 'pending' ELSE h.outcome END,
    holder_id = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
    timeout_at = NULL,
    stalled_at = NULL,
    promote_at = CASE WHEN h.again AND h.limited THEN t.promote_at END,  -- it waits on, where it stood
    unsatisfiable = h.again AND t.open_needs > t.edges_left,  -- its needs may have changed meanwhile
    events = t.events + 1,
    settled_by = %(agent)s,
    settled_fence = t.fence,
    settled_as = h.settled_as,
    result = h.result,
    error = h.error,
    failure = h.failure,
    tried = CASE
      WHEN h.outcome = 'failed' THEN omoi_tried(t.tried, t.attempts, h.kind, h.error, %(actor)s::text)
      ELSE t.tried
    END,
    worker_deaths = CASE h.outcome WHEN 'completed' THEN 0 ELSE t.worker_deaths END,
    attempts = t.attempts - h.limited::int,
    rate_limits = CASE WHEN h.limited THEN t.rate_limits + 1 ELSE 0 END,
    held = t.held OR h.limited AND t.rate_limits + 1 >= {often},
    not_due = h.again AND NOT h.recheck AND NOT h.limited,
    retries = t.retries + (h.again AND NOT h.limited)::int,
    not_before = CASE
      WHEN h.again AND NOT h.recheck AND NOT h.limited THEN
        clock_timestamp() + least(60, power(2, t.attempts - 1) * (0.75 + random() / 2)) * interval '1 s'
    END,
    avoid_id = CASE WHEN h.again AND NOT h.recheck AND NOT h.limited THEN {avoided_by} END,
    avoid_until = CASE
      WHEN h.again AND NOT h.recheck AND NOT h.limited THEN clock_timestamp() + {avoided_for}
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
    t.attempts + h.limited::int AS attempt,
    h.kind AS failure_kind,
    {held_s} AS held_s,
    t.error,
    t.settled_as,
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
  settled.settled_as = 'late' AS late,
  ended.over
FROM settled
JOIN ended ON ended.id = settled.ticket_id
