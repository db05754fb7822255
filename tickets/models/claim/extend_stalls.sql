-- After a time without sweeps, in which nobody could show progress: what was not to be taken back at their
-- last run is not for 30 s from now.
WITH grace AS MATERIALIZED (
  SELECT clock_timestamp() + interval '30 s' AS upto
)

UPDATE tickets_task t
SET active_at = t.active_at + (grace.upto - {taken_at})
FROM grace
WHERE t.id = ANY (ARRAY(
  SELECT t.id
  FROM tickets_task t
  WHERE t.lease_look_at < (SELECT upto FROM grace)
    AND {taken_at} > %(since)s
    AND {taken_at} < (SELECT upto FROM grace)
  ORDER BY t.id
  FOR NO KEY UPDATE
))
