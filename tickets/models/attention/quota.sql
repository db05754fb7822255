-- A task that met the limit of an account too often, in a phase where work goes on.
SELECT
  t.id,
  t.claimed_at AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
{open_phases}
WHERE t.project_id = j.id
  AND t.rate_limits >= {often}
  AND t.state = 'pending'
  AND {goes_on}
  AND {in_open_phase}
