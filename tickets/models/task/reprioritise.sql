WITH locked AS MATERIALIZED (
  SELECT id
  FROM tickets_task
  WHERE ticket_id = %(ticket)s
    AND priority = %(before)s
    AND state IN ('pending', 'claimed')
  ORDER BY id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    priority = %(after)s,
    events = t.events + 1
  FROM locked
  WHERE t.id = locked.id
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.events
),

log AS ({events}
)

SELECT id
FROM updated
