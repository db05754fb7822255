-- One item for each lane with work that no agent could do. It is about the first of its tasks.
SELECT
  l.id,
  l.since,
  'admin' AS who,
  l.ticket_id,
  l.task_id
FROM (
  {lanes}
) l
WHERE NOT {able}
