-- Claims whose time to look at them has come, and that were renewed meanwhile: the next look is when the
-- lease ends, or before that when the claim would be stalled or taken back.
UPDATE tickets_task t
SET lease_look_at = least(
  t.lease_expires_at,
  CASE
    WHEN {stalls_at} > clock_timestamp() THEN {stalls_at}
    WHEN {takeable} THEN {taken_at}
  END
)
WHERE t.id = ANY (ARRAY(
  SELECT t.id
  FROM tickets_task t
  WHERE t.lease_look_at < (SELECT clock_timestamp())
    AND t.lease_expires_at > (SELECT clock_timestamp())
    AND ({overdue}) IS NOT TRUE
  ORDER BY t.lease_look_at
  LIMIT %(limit)s
  FOR NO KEY UPDATE SKIP LOCKED
))
RETURNING t.id
