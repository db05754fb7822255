-- Tasks that have gone on from some of those that they needed, locked, with what is left of the others, which
-- is to be cancelled. A task that failed or was cancelled before that cancels nothing; when it is retried, it
-- waits again.
WITH over AS MATERIALIZED (
  SELECT
    o.task_id,
    {needs_met} AND t.state <> 'cancelled' OR t.state = 'completed' AS went_on
  FROM tickets_otherscancelled o
  JOIN tickets_task t ON t.id = o.task_id
  WHERE o.waits
    AND ({needs_met} OR t.state <> 'pending')
  ORDER BY o.task_id
  LIMIT %(limit)s
  FOR NO KEY UPDATE OF o
  SKIP LOCKED
),

ended AS (
  UPDATE tickets_otherscancelled o
  SET waits = false
  FROM over
  WHERE o.task_id = over.task_id
)

SELECT
  over.task_id AS task,
  (
    SELECT coalesce(array_agg(p.id ORDER BY p.id), ARRAY[]::bigint[])
    FROM tickets_need n
    JOIN tickets_task p ON p.id = n.parent_id
    WHERE n.child_id = over.task_id
      AND over.went_on
      AND p.state IN ('pending', 'claimed')
      -- another still waits for it
      AND NOT EXISTS (
        SELECT
        FROM tickets_need m
        JOIN tickets_task c ON c.id = m.child_id
        WHERE m.parent_id = p.id
          AND c.id <> over.task_id
          AND c.state = 'pending'
          AND c.open_needs > 0
        OFFSET 0
      )
  ) AS others
FROM over
ORDER BY over.task_id
