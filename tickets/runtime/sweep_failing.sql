-- While a clock runs; without one, that is listed.
SELECT
  1::bigint AS id,
  f.since,
  'admin' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM (
  SELECT min(f.at) AS since
  FROM (
    {failing}
  ) f
) f
WHERE f.since IS NOT NULL
  AND {clock_runs}
