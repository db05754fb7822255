SELECT
  n.id,
  n.at AS since,
  n.role AS who,
  n.ticket_id,
  NULL::bigint AS task_id
FROM tickets_notice n
WHERE n.project_id = j.id
  AND n.seen_at IS NULL
