-- Claims that have shown no progress for as long as they may.
WITH due AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  WHERE {looked_at}
    AND t.stalled_at IS NULL
    AND {no_progress}
  ORDER BY t.lease_look_at
  LIMIT %(limit)s
  FOR NO KEY UPDATE SKIP LOCKED
),

stalled AS (
  UPDATE tickets_task t
  SET
    stalled_at = {stalls_at},
    events = t.events + 1
  FROM due
  WHERE t.id = due.id
    -- the planner expects a tenth of the table from a LIMIT that it does not know, and would scan it
    AND t.id = ANY (ARRAY(SELECT id FROM due))
  RETURNING
    t.id,
    t.ticket_key,
    t.project_id,
    t.fence,
    t.events,
    (
      SELECT a.name
      FROM agents_agent a
      WHERE a.id = t.holder_id
    ) AS holder
),

log AS ({events}
)

SELECT id
FROM stalled
