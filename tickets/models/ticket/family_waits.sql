SELECT
  k.id,
  t.id AS task,
  t.state,
  {holds} AS holds,
  coalesce(
    array_agg(n.parent_id) FILTER (WHERE p.state IN ('pending', 'claimed') OR NOT {met}),
    '{}'
  ) AS waits,
  coalesce(
    array_agg(n.on_end) FILTER (WHERE p.state IN ('pending', 'claimed') OR NOT {met}),
    '{}'
  ) AS ends
FROM tickets_ticket k
CROSS JOIN LATERAL (
  SELECT id, state
  FROM tickets_task
  WHERE ticket_id = k.id
  ORDER BY id
  LIMIT 1
) t
LEFT JOIN tickets_need n ON n.child_id = t.id
LEFT JOIN tickets_task p ON p.id = n.parent_id
WHERE k.id = ANY (%s)
GROUP BY k.id, t.id, t.state
