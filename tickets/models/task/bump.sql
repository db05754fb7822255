WITH locked AS MATERIALIZED (
  SELECT id
  FROM tickets_task
  WHERE id = ANY (%(ids)s)
    AND state IN ('pending', 'claimed')
  ORDER BY id
  FOR NO KEY UPDATE
),

updated AS (
  UPDATE tickets_task t
  SET
    bumped_at = clock_timestamp(),
    promote_at = NULL,
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
