-- What people hold: for a day and longer, or by somebody who can no longer work there. There are few rows of
-- people, and an index has what each holds.
SELECT
  t.id,
  t.claimed_at AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM agents_agent h
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_task t
  WHERE t.holder_id = h.id
  OFFSET 0
) t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE h.kind = 'person'
  AND t.project_id = j.id
  AND ({held_long} OR NOT {may_still_work})
  AND {goes_on}
