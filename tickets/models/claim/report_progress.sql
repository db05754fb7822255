WITH held_key AS MATERIALIZED ({held_key}
),

updated AS (
  UPDATE tickets_task t
  SET
    progress = t.progress || %(progress)s::jsonb,
    checkpoint = CASE
      WHEN %(checkpoint)s::jsonb IS NULL THEN t.checkpoint
      ELSE %(checkpoint)s::jsonb || jsonb_build_object(
        'attempt', t.attempts,
        'by', %(actor)s::text,
        'at', omoi_moment()
      )
    END,
    {active},
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
