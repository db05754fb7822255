-- A claimed task is ranked too, because it may come back. A task that was never ready has no rank yet.
UPDATE tickets_task t
SET
  rank = omoi_rank(
    t.priority,
    t.ready_at,
    t.deadline,
    {unblocks},
    t.retries
  ),
  promote_at = CASE
    WHEN {pending} THEN omoi_promote_at(t.priority, t.ready_at, t.deadline)
    ELSE t.promote_at
  END
WHERE t.id = ANY (ARRAY(
  SELECT id
  FROM tickets_task
  WHERE id = ANY (%s)
    AND state IN ('pending', 'claimed')
    AND ready_at IS NOT NULL
  ORDER BY id
  FOR NO KEY UPDATE
))
RETURNING
  t.id,
  {ready} AS ready
