-- After a time without sweeps: extend what was held at their last run to 30 s from now. A lease is extended
-- once, and again only after its holder has renewed it.
WITH grace AS MATERIALIZED (
  SELECT clock_timestamp() + interval '30 s' AS upto
)

UPDATE tickets_task t
SET
  lease_expires_at = grace.upto,
  extended_to = grace.upto
FROM grace
WHERE t.id = ANY (ARRAY(
  SELECT id
  FROM tickets_task
  WHERE lease_look_at < (SELECT upto FROM grace)
    AND lease_expires_at > %(since)s
    AND lease_expires_at < (SELECT upto FROM grace)
    AND lease_expires_at IS DISTINCT FROM extended_to
  ORDER BY id
  FOR NO KEY UPDATE
))
