-- The oldest run of each schedule that has been owed for five minutes.
SELECT
  r.id,
  r.due_at AS since,
  'operator' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM tickets_schedulerun r
WHERE r.project_id = j.id
  AND r.state = 'owed'
  AND r.due_at < clock_timestamp() - interval '5 min'
  AND NOT EXISTS (
    SELECT
    FROM tickets_schedulerun e
    WHERE e.schedule_id = r.schedule_id
      AND e.state = 'owed'
      AND e.due_at < r.due_at
  )
