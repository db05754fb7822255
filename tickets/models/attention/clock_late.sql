SELECT
  1::bigint AS id,
  r.since,
  'admin' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM (
  SELECT {late_since} AS since
) r
WHERE r.since IS NOT NULL
