-- The tasks are locked first, as when one of them ends. Whoever adds or removes a need locks them too.
WITH locked AS MATERIALIZED (
  SELECT id
  FROM tickets_task
  WHERE id = ANY (%(tasks)s)
    AND state IN ('pending', 'claimed')
  ORDER BY id
  FOR NO KEY UPDATE
)

UPDATE tickets_need n
SET on_failure = %(policy)s
FROM locked
WHERE n.parent_id = locked.id
  AND n.on_end = 'success'
  AND n.on_failure <> %(policy)s
RETURNING n.id
