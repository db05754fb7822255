-- Pending tasks whose needs can no longer be met, at least one of them with the policy `cancel`.
SELECT DISTINCT c.id
FROM tickets_task c
JOIN tickets_need n ON n.child_id = c.id
JOIN tickets_task p ON p.id = n.parent_id
WHERE c.id = ANY (%s)
  AND c.state = 'pending'
  AND c.unsatisfiable
  AND n.on_failure = 'cancel'
  AND p.state IN ('completed', 'failed', 'cancelled')
  AND NOT {met}
