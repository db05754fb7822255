WITH locked AS MATERIALIZED (
  SELECT id
  FROM tickets_task
  WHERE id = ANY (%(ids)s)
    AND state = 'claimed'
  ORDER BY id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    state = 'pending',
    holder_id = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
    timeout_at = NULL,
    attempts = t.attempts - 1,
    events = t.events + 1
  FROM locked
  WHERE t.id = locked.id
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.fence,
    t.events,
    t.profile,
    {ready} AS ready
),

log AS ({events}
)

SELECT
  id,
  ready,
  profile
FROM updated
