SELECT
  k.id,
  k.phase_since AS since,
  'operator' AS who,
  k.id AS ticket_id,
  NULL::bigint AS task_id
FROM tickets_ticket k
WHERE k.project_id = j.id
  AND k.phase = 'BLOCKED'
  AND {goes_on}
