-- Locks in one order, that of their ids, the open tasks that the end of some tasks may reach: their children,
-- and further below those of pending ones that may end with them: operations complete, and needs may
-- cancel. A sync does not fail because of what it needs, so it cancels nothing. How a task ends that is still
-- pending is open.
WITH RECURSIVE reached(id, ends, fails) AS (
  SELECT
    c.id,
    c.state = 'pending' AND (c.operation <> '' OR v.cancels),
    c.operation = 'merge' OR v.cancels
  FROM tickets_need n
  JOIN tickets_task p ON p.id = n.parent_id
  JOIN tickets_task c ON c.id = n.child_id
  CROSS JOIN LATERAL (
    SELECT n.on_failure = 'cancel' AND (p.state = 'pending' OR NOT {met}) AS cancels
  ) v
  WHERE n.parent_id = ANY (%(ended)s::bigint[])
    AND c.state IN ('pending', 'claimed')
  UNION
  SELECT
    c.id,
    c.operation <> '' OR v.cancels,
    c.operation = 'merge' OR v.cancels
  FROM reached r
  JOIN tickets_need n ON n.parent_id = r.id
  JOIN tickets_task c ON c.id = n.child_id
  CROSS JOIN LATERAL (
    SELECT r.fails AND n.on_failure = 'cancel' AS cancels
  ) v
  WHERE r.ends
    AND c.state = 'pending'
)

SELECT id
FROM tickets_task
WHERE id = ANY (ARRAY(SELECT id FROM reached) || %(also)s::bigint[])
  AND state IN ('pending', 'claimed')
ORDER BY id
FOR NO KEY UPDATE
