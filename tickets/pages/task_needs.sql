SELECT
  n.parent_id,
  n.child_id,
  n.on_end,
  n.on_failure,
  p.state,
  p.ticket_key,
  p.title
FROM tickets_need n
JOIN tickets_task p ON p.id = n.parent_id
WHERE n.child_id = ANY (%s)
ORDER BY n.id
