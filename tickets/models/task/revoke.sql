-- A claim that has lapsed can be revoked too: its holder may not complete it any more.
WITH locked AS MATERIALIZED (
  SELECT
    id,
    state,
    holder_id,
    attempts
  FROM tickets_task
  WHERE id = ANY (%(ids)s)
    AND (state = 'claimed' OR state = 'pending' AND settled_as = 'lapsed')
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
    stalled_at = NULL,
    active_at = clock_timestamp(),  -- nobody has left it lying until now
    attempts = t.attempts - 1,
    unsatisfiable = t.open_needs > t.edges_left,  -- its needs may have changed meanwhile
    events = t.events + 1
  FROM locked
  WHERE t.id = locked.id
    AND locked.state = 'claimed'
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.fence,
    (SELECT a.name FROM agents_agent a WHERE a.id = locked.holder_id) AS holder,
    locked.attempts AS attempt,
    {held_s} AS held_s,
    t.events,
    t.profile,
    {ready} AS ready
),

forgotten AS (
  UPDATE tickets_task t
  SET settled_as = ''
  FROM locked
  WHERE t.id = locked.id
    AND locked.state = 'pending'
),

log AS ({events}
)

SELECT
  id,
  ready,
  profile
FROM updated
