-- Lease the oldest run that no worker has. Its worker renews the lease.
UPDATE tickets_checkrun r
SET
  worker = %(worker)s,
  tries = r.tries + 1,
  started_at = clock_timestamp(),
  lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE r.id = (
  SELECT o.id
  FROM tickets_checkrun o
  WHERE o.answered_at IS NULL
    AND o.task_id IS NULL
    AND (o.lease_until IS NULL OR o.lease_until < clock_timestamp())
  ORDER BY o.id
  LIMIT 1
  FOR UPDATE SKIP LOCKED
)
RETURNING r.*
