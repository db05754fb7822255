-- Ends claims without their holders: a batch of expired ones, or all claims of one holder. A task that had
-- not started loses no attempt. `died`: it ran in a worker that counts as dead, whether or not it was the
-- cause. `again`: it is pending again. It fails when its attempts are used up, or when its worker died
-- while it ran alone; the caller then decides its children.
WITH old AS MATERIALIZED (
  SELECT
    t.id,
    a.name AS holder,
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
    attempts = t.attempts - (NOT old.started)::int,
    retries = t.retries + (old.started AND old.again)::int,
    worker_deaths = t.worker_deaths + old.died::int,
    promote_at = CASE WHEN old.again THEN t.promote_at END,
    ended_at = CASE WHEN NOT old.again THEN clock_timestamp() END,
    events = t.events + 1,
    failure = CASE WHEN old.died AND NOT old.again THEN 'worker_lost' ELSE '' END,
    error = CASE
      WHEN NOT old.started THEN t.error
      WHEN old.died THEN
        'the worker ' || old.holder || ' was lost while it ran this'
        || CASE WHEN {runs_alone} THEN ' and nothing else' ELSE '' END
        || %(fate)s
      ELSE {error}
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
    old.died
),
{changed}
