-- Claims whose time to look at the lease has come, and that were renewed meanwhile.
UPDATE tickets_task t
SET lease_look_at = t.lease_expires_at
WHERE t.id = ANY (ARRAY(
  SELECT o.id
  FROM tickets_task o
  WHERE o.lease_look_at < (SELECT clock_timestamp())
    AND o.lease_expires_at > (SELECT clock_timestamp())
  ORDER BY o.lease_look_at
  LIMIT %(limit)s
  FOR NO KEY UPDATE SKIP LOCKED
))
RETURNING t.id
