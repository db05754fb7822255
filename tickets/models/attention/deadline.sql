-- An open task with a deadline. An index has those with this condition in the order of since.
SELECT
  t.id,
  {since} AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM tickets_task t
CROSS JOIN LATERAL (
  SELECT
  FROM tickets_ticket k
  WHERE k.id = t.ticket_id
    AND {goes_on}
  OFFSET 0
) k
WHERE t.project_id = j.id
  AND {late}
