-- What the graph shows of these tasks. `agent` holds the task or ended it.
SELECT
  t.id,
  t.title,
  t.state,
  t.unsatisfiable,
  {ready} AS ready,
  t.claimed_at,
  t.ended_at,
  a.name AS agent,
  t.operation,
  t.join_count,
  coalesce(o.strategy, '') AS strategy,
  o.timeout_s,
  coalesce(o.on_timeout, '') AS on_timeout,
  EXISTS (
    SELECT
    FROM tickets_otherscancelled x
    WHERE x.task_id = t.id
  ) AS others_cancelled
FROM tickets_task t
LEFT JOIN LATERAL (
  SELECT
    d.strategy,
    d.timeout_s,
    d.on_timeout
  FROM tickets_operation d
  WHERE d.task_id = t.id
    AND t.operation <> ''
  LIMIT 1
) o ON true
LEFT JOIN agents_agent a ON a.id = coalesce(t.holder_id, t.settled_by)
WHERE t.id = ANY (%s)
