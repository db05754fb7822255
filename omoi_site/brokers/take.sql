DELETE FROM dramatiq.queue
WHERE message_id = ANY (ARRAY(
  SELECT message_id
  FROM dramatiq.queue
  WHERE queue_name = %s
    AND state = 'queued'
    AND message ->> 'actor_name' = %s
  ORDER BY position
  LIMIT %s
  FOR UPDATE SKIP LOCKED
))
RETURNING message -> 'args' AS args
