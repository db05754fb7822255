-- Of these tasks, the ones that nothing explains: nothing has happened in the tickets with these keys to them
-- or to what they need, and time has changed nothing of their tickets.
SELECT o.id
FROM tickets_task o
WHERE o.id = ANY (%(tasks)s)
  AND o.ticket_key <> ALL (%(keys)s)
  AND NOT {due_by_time}
  AND NOT EXISTS (
    SELECT
    FROM tickets_need n
    JOIN tickets_task p ON p.id = n.parent_id
    WHERE n.child_id = o.id
      AND p.ticket_key = ANY (%(keys)s)
  )
