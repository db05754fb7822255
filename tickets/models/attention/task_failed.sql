-- A failed task is held too where its ticket has left its phase, is paused, blocked or archived.
SELECT
  t.id,
  t.ended_at AS since,
  'operator' AS who,
  t.ticket_id,
  t.id AS task_id
FROM tickets_task t
WHERE t.project_id = j.id
  AND t.state = 'failed'
  AND NOT t.held
  AND NOT j.paused
