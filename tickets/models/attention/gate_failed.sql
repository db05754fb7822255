SELECT
  k.id,
  k.refused_at AS since,
  'operator' AS who,
  k.id AS ticket_id,
  NULL::bigint AS task_id
FROM tickets_ticket k
WHERE k.project_id = j.id
  AND k.refused_at IS NOT NULL
  AND {goes_on}
