-- Of these tasks, the ones that nothing has happened to in the tickets with these keys. That a person's
-- account was closed is not told: what they hold is looked at once a minute.
SELECT t.id
FROM tickets_task t
WHERE t.id = ANY (%(tasks)s)
  AND t.ticket_key <> ALL (%(keys)s)
  AND NOT ({by_hand})
  AND NOT EXISTS (
    SELECT
    FROM tickets_need n
    JOIN tickets_task p ON p.id = n.parent_id
    WHERE n.child_id = t.id
      AND p.ticket_key = ANY (%(keys)s)
  )
