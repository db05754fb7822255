-- After a time without sweeps: extend what was running at their last run to 30 s from now.
WITH grace AS MATERIALIZED (
  SELECT clock_timestamp() + interval '30 s' AS upto
)

UPDATE tickets_task t
SET timeout_at = grace.upto
FROM grace
WHERE t.id = ANY (ARRAY(
  SELECT id
  FROM tickets_task
  WHERE timeout_at > %(since)s
    AND timeout_at < (SELECT upto FROM grace)
  ORDER BY id
  FOR NO KEY UPDATE
))
