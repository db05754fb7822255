-- What the list and the graph show of these tasks. `agent` holds the task or ended it.
SELECT
  t.id,
  t.ticket_key,
  t.phase,
  t.title,
  t.kind,
  t.capabilities,
  t.state,
  t.open_needs,
  t.unsatisfiable,
  t.not_due,
  t.held,
  t.operation,
  t.ready_at,
  t.bumped_at,
  t.attempts,
  t.max_attempts,
  t.rate_limits,
  t.claimed_at,
  t.ended_at,
  t.error,
  t.progress,
  t.events,
  t.join_count,
  CASE WHEN t.state IN ('pending', 'claimed') THEN t.deadline END AS deadline,
  extract(epoch FROM clock_timestamp() - t.deadline)::float8 AS over_s,
  extract(epoch FROM t.expected_at - t.deadline)::float8 AS late_s,
  coalesce(o.strategy, '') AS strategy,
  o.timeout_s AS waits_s,
  coalesce(o.on_timeout, '') AS on_timeout,
  EXISTS (
    SELECT
    FROM tickets_otherscancelled x
    WHERE x.task_id = t.id
  ) AS others_cancelled,
  (
    SELECT a.name
    FROM agents_agent a
    WHERE a.id = coalesce(t.holder_id, t.settled_by)
  ) AS agent,
  -- the task that it puts right; and how often it failed validation itself, and what put it right last
  (SELECT v.task_id FROM tickets_validation v WHERE v.fix_id = t.id) AS fixes,
  v.failures,
  v.last_fix
FROM tickets_task t
CROSS JOIN LATERAL (
  SELECT
    count(*) AS failures,
    (array_agg(v.fix_id ORDER BY v.id DESC) FILTER (WHERE v.fix_id IS NOT NULL))[1] AS last_fix
  FROM tickets_validation v
  WHERE v.task_id = t.id
    AND v.counted
) v
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
WHERE t.id = ANY (%s)
