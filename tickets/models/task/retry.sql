WITH locked AS MATERIALIZED (
  SELECT
    t.id,
    t.rate_limits
  FROM tickets_task t
  WHERE t.id = ANY (%(ids)s)
    AND {retriable}
  ORDER BY t.id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    state = 'pending',
    attempts = 0,
    retries = t.retries + 1,
    rate_limits = 0,
    claimed_at = NULL,
    started_at = NULL,
    worker_deaths = 0,
    failure = '',
    ended_at = NULL,
    error = '',
    result = NULL,
    progress = '{}',
    settled_by = NULL,
    settled_fence = NULL,
    settled_as = '',
    not_due = false,
    not_before = NULL,
    ready_at = NULL,
    events = t.events + 1
  FROM locked
  WHERE t.id = locked.id
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.fence,
    t.events,
    t.operation,
    locked.rate_limits
),

-- What failed validation before the retry no longer counts: it begins anew.
uncounted AS (
  UPDATE tickets_validation v
  SET counted = false
  FROM updated
  WHERE v.task_id = updated.id
    AND v.counted
),

log AS ({events}
)

SELECT
  id,
  ticket_id,
  operation,
  rate_limits >= {often} AS limited
FROM updated
