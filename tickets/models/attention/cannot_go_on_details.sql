(
  SELECT
    jsonb_build_object('need', p.ticket_key || '.' || p.id, 'need_title', p.title, 'need_state', p.state)
  FROM tickets_need n
  JOIN tickets_task p ON p.id = n.parent_id
  WHERE n.child_id = f.task_id
    AND p.state IN ('completed', 'failed', 'cancelled')
    AND NOT {met}
  ORDER BY
    p.ended_at DESC,
    p.id
  LIMIT 1
)
