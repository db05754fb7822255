WITH held_key AS MATERIALIZED ({held_key}
),

updated AS (
  UPDATE tickets_task t
  SET
    progress = t.progress || %(progress)s::jsonb,
    events = t.events + 1
  WHERE {held}
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
