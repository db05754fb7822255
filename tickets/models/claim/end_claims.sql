-- Ends claims without their holders: a batch of expired ones, or all claims of one holder. A task that had
-- not started loses no attempt. `died`: it ran in a worker that counts as dead, whether or not it was the
-- cause. `again`: it is pending again. It fails when its attempts are used up, or when its worker died
-- while it ran alone; the caller then decides its children.
WITH old AS MATERIALIZED (
  SELECT
    t.id,
    a.name AS holder,
    CASE
      WHEN {died} AND a.runs_profiles THEN
        'the worker ' || a.name || ' was lost while it ran this'
        || CASE WHEN {runs_alone} THEN ' and nothing else' ELSE '' END
        || %(fate)s
      ELSE {error}
    END AS error,
    t.started_at IS NOT NULL AS started,
    {died} AND a.runs_profiles AND t.started_at IS NOT NULL AS died,
    t.started_at IS NULL
      OR t.attempts < t.max_attempts AND NOT ({died} AND a.runs_profiles AND {runs_alone}) AS again
  FROM tickets_task t
  LEFT JOIN agents_agent a ON a.id = t.holder_id
  WHERE {which}
),

changed AS (
  UPDATE tickets_task t
  SET
    state = CASE WHEN old.again THEN 'pending' ELSE 'failed' END,
    holder_id = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
    timeout_at = NULL,
    stalled_at = NULL,
    active_at = clock_timestamp(),  -- nobody has left it lying until now
    attempts = t.attempts - (NOT old.started)::int,
    retries = t.retries + (old.started AND old.again)::int,
    rank = CASE
      WHEN old.started AND old.again THEN
        omoi_rank(t.priority, t.ready_at, t.deadline, {unblocks}, t.retries + 1)
      ELSE t.rank
    END,
    rate_limits = CASE WHEN old.started THEN 0 ELSE t.rate_limits END,
    worker_deaths = t.worker_deaths + old.died::int,
    unsatisfiable = old.again AND t.open_needs > t.edges_left,  -- its needs may have changed meanwhile
    promote_at = CASE WHEN old.again THEN t.promote_at END,
    ended_at = CASE WHEN NOT old.again THEN clock_timestamp() END,
    events = t.events + 1,
    {settled}
    failure = CASE
      WHEN old.again THEN ''
      WHEN old.died THEN 'worker_lost'
      ELSE {failure}
    END,
    error = CASE WHEN old.started THEN old.error ELSE t.error END,
    tried = CASE
      WHEN old.started THEN omoi_tried(
        t.tried,
        t.attempts,
        CASE WHEN old.died THEN 'worker_lost' ELSE {how} END,
        old.error,
        'agent:' || old.holder
      )
      ELSE t.tried
    END
  FROM old
  WHERE t.id = old.id
    -- the planner expects a tenth of the table from a LIMIT that it does not know, and would scan it
    AND t.id = ANY (ARRAY(SELECT id FROM old))
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.lane_id,
    t.rank,
    t.fence,
    t.state,
    t.events,
    t.profile,
    old.holder,
    old.started,
    old.died,
    t.attempts + (NOT old.started)::int AS attempt,
    {held_s} AS held_s
),
{changed}
