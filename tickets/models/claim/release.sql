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
    stalled_at = NULL,
    active_at = clock_timestamp(),  -- nobody has left it lying until now
    attempts = t.attempts - 1,
    events = t.events + 1,
    unsatisfiable = t.open_needs > t.edges_left,  -- its needs may have changed meanwhile
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
    t.attempts + 1 AS attempt,
    {held_s} AS held_s,
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
