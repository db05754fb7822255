WITH held_key AS MATERIALIZED ({held_key}
),

released AS (
  UPDATE tickets_task t
  SET
    state = 'pending',
    holder_id = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
    timeout_at = NULL,
    attempts = t.attempts - 1,
    events = t.events + 1,
    settled_by = %(agent)s,
    settled_fence = t.fence,
    settled_as = 'released'
  WHERE {held}
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.lane_id,
    t.rank,
    t.fence,
    t.events,
    t.profile
),

floors AS ({lower_floors}
),

log AS ({events}
)

SELECT
  id,
  profile
FROM released
