-- A person takes this task, or is given it: without a lease, a timeout or a clock of its progress. Whatever
-- keeps it from agents for a reason of its own keeps it from people: an open need, its time, a freeze, a
-- pause, or a later phase that is full.
WITH taken AS (
  UPDATE tickets_task t
  SET
    state = 'claimed',
    holder_id = %(agent)s,
    fence = t.fence + 1,
    attempts = t.attempts + 1,
    events = t.events + 1,
    not_due = false,
    claimed_at = clock_timestamp(),
    lease_s = NULL,
    lease_expires_at = NULL,
    lease_look_at = NULL,
    timeout_at = NULL,
    stall_s = 0,
    active_at = NULL,
    activity = '',
    stalled_at = NULL,
    started_at = clock_timestamp(),
    progress = '{}',
    granted_with = ''
  FROM tickets_lane l
  WHERE t.id = %(task)s
    AND l.id = t.lane_id
    AND {ready}
    AND ({due} OR t.not_before <= clock_timestamp())
    AND NOT l.paused
    AND NOT {frozen}
    AND NOT {held_back}
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.phase,
    t.fence,
    t.attempts,
    t.events
),

log AS ({events}
)

SELECT
  taken.fence,
  taken.ticket_id,
  k.phase <> taken.phase AS first_of_phase
FROM taken
JOIN tickets_ticket k ON k.id = taken.ticket_id
