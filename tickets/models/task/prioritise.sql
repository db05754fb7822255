WITH locked AS MATERIALIZED (
  SELECT
    id,
    priority AS before
  FROM tickets_task
  WHERE id = ANY (%(ids)s)
    AND state IN ('pending', 'claimed')
    AND priority <> %(priority)s::int
  ORDER BY id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    priority = %(priority)s::int,
    events = t.events + 1
  FROM locked
  WHERE t.id = locked.id
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.events,
    locked.before
),

log AS ({events}
)

SELECT id
FROM updated
