SELECT
  d.id,
  d.at AS since,
  'operator' AS who,
  d.ticket_id,
  NULL::bigint AS task_id
FROM tickets_discovery d
JOIN tickets_ticket k ON k.id = d.ticket_id
WHERE d.project_id = j.id
  AND d.state = 'open'
  AND {goes_on}
