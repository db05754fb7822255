WITH locked AS MATERIALIZED (
  SELECT
    id,
    holder_id,
    attempts
  FROM tickets_task
  WHERE id = ANY (%(ids)s)
    AND state IN ('pending', 'claimed')
  ORDER BY id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    state = 'cancelled',
    holder_id = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
    timeout_at = NULL,
    stalled_at = NULL,
    promote_at = NULL,
    not_due = false,
    ended_at = clock_timestamp(),
    error = %(reason)s,
    events = t.events + 1
  FROM locked
  WHERE t.id = locked.id
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.fence,
    (SELECT a.name FROM agents_agent a WHERE a.id = locked.holder_id) AS holder,
    locked.attempts AS attempt,
    {held_s} AS held_s,
    t.events
),

log AS ({events}
)

SELECT
  id,
  ticket_id
FROM updated
