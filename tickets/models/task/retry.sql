WITH locked AS MATERIALIZED (
  SELECT id
  FROM tickets_task
  WHERE id = ANY (%(ids)s)
    AND state IN ('failed', 'cancelled')
  ORDER BY id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    state = 'pending',
    attempts = 0,
    retries = t.retries + 1,
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
    t.ticket_key,
    t.project_id,
    t.fence,
    t.events
),

log AS ({events}
)

SELECT id
FROM updated
