-- A process could not send them, and has said so; when it can, it takes that back.
SELECT
  1::bigint AS id,
  min(r.waiting_since) AS since,
  'admin' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM tickets_sweeprun r
WHERE {cannot_send}
HAVING min(r.waiting_since) < clock_timestamp() - interval '15 s'
