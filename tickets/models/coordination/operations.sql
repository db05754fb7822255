-- What operations do, and the tasks that they need: those that have ended as needed, and the others.
SELECT
  t.id,
  t.operation,
  t.join_count,
  o.strategy,
  o.timeout_s,
  o.on_timeout,
  count(p.id)::int AS of,
  coalesce(
    json_agg(p.ticket_key || '.' || p.id ORDER BY n.id)
      FILTER (WHERE p.state IN ('completed', 'failed', 'cancelled') AND {met}),
    '[]'
  )::jsonb AS completed,
  coalesce(
    json_agg(p.ticket_key || '.' || p.id ORDER BY n.id)
      FILTER (WHERE NOT (p.state IN ('completed', 'failed', 'cancelled') AND {met})),
    '[]'
  )::jsonb AS missing
FROM tickets_task t
JOIN tickets_operation o ON o.task_id = t.id
LEFT JOIN tickets_need n ON n.child_id = t.id
LEFT JOIN tickets_task p ON p.id = n.parent_id
WHERE t.id = ANY (%(ids)s)
GROUP BY t.id, o.task_id
ORDER BY t.id
