SELECT
  count(*) FILTER (WHERE p.state IN ('pending', 'claimed')) AS left_open,
  min(p.created_at) FILTER (WHERE p.state IN ('pending', 'claimed')) AS open_since,
  (
    array_agg(p.ticket_key || '.' || p.id ORDER BY p.state, p.id)
      FILTER (WHERE p.state IN ('pending', 'claimed'))
  )[1:3] AS open_keys,
  (
    array_agg(p.ticket_key || '.' || p.id || ' ' || p.state ORDER BY p.id)
      FILTER (WHERE p.state NOT IN ('pending', 'claimed') AND NOT {met})
  )[1:3] AS unmet,
  max(p.ended_at) FILTER (WHERE p.state NOT IN ('pending', 'claimed') AND NOT {met}) AS unmet_at
FROM tickets_need n
JOIN tickets_task p ON p.id = n.parent_id
WHERE n.child_id = t.id
  AND t.open_needs > 0
  AND t.state = 'pending'
