-- Begins the time of syncs: of those that wait for a task that can be worked on, or has begun. A task has
-- been ready since its ticket came to where it is done. What somebody else has locked is left for the next
-- time: who completes several operations locks them in any order. Returns how many tasks are done with.
WITH begun AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  WHERE {starts_timeout}
  ORDER BY t.id
  LIMIT %(limit)s
  FOR NO KEY UPDATE
  SKIP LOCKED
),

syncs AS MATERIALIZED (
  SELECT
    o.task_id,
    c.state
  FROM tickets_operation o
  JOIN tickets_task c ON c.id = o.task_id
  WHERE o.waits
    AND o.since IS NULL
    AND o.task_id = ANY (ARRAY(
      SELECT n.child_id
      FROM begun
      CROSS JOIN LATERAL (
        SELECT m.child_id
        FROM tickets_need m
        WHERE m.parent_id = begun.id
        OFFSET 0 -- keeps it a look at the index of each
      ) n
    ))
  FOR NO KEY UPDATE OF o
  SKIP LOCKED
),

started AS (
  UPDATE tickets_operation o
  SET
    since = b.since,
    waits = s.state = 'pending'
  FROM syncs s
  CROSS JOIN LATERAL (
    SELECT min(greatest(coalesce(t.ready_at, t.ended_at), k.phase_since)) AS since
    FROM tickets_need n
    JOIN tickets_task t ON t.id = n.parent_id
    JOIN tickets_ticket k ON k.id = t.ticket_id
    WHERE n.child_id = s.task_id
      AND {begun}
  ) b
  WHERE o.task_id = s.task_id
    AND o.task_id = ANY (ARRAY(SELECT task_id FROM syncs)) -- so that it does not read all operations
  RETURNING o.task_id
),

handled AS (
  UPDATE tickets_task t
  SET starts_timeout = false
  WHERE t.id = ANY (ARRAY(SELECT id FROM begun))
    AND NOT EXISTS (
      SELECT
      FROM tickets_need n
      JOIN tickets_operation o ON o.task_id = n.child_id
      LEFT JOIN started s ON s.task_id = o.task_id
      WHERE n.parent_id = t.id
        AND o.waits
        AND o.since IS NULL
        AND s.task_id IS NULL
      OFFSET 0
    )
  RETURNING t.id
)

SELECT count(*) AS handled
FROM handled
