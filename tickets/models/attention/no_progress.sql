SELECT
  t.id,
  t.stalled_at AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM tickets_task t
WHERE t.project_id = j.id
  AND t.stalled_at IS NOT NULL
  AND {in_time}
  AND {no_progress}
  AND NOT j.paused
