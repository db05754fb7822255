-- As untold.sql, of these tickets: what they need is what their open tasks need.
SELECT k.id
FROM tickets_ticket k
WHERE k.id = ANY (%(tickets)s)
  AND k.key <> ALL (%(keys)s)
  AND NOT {due_by_time}
  AND NOT EXISTS (
    SELECT
    FROM tickets_task c
    JOIN tickets_need n ON n.child_id = c.id
    JOIN tickets_task p ON p.id = n.parent_id
    WHERE c.ticket_id = k.id
      AND c.state IN ('pending', 'claimed', 'failed')
      AND p.ticket_key = ANY (%(keys)s)
  )
