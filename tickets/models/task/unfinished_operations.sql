-- Operations that wait for nothing but are not completed, which is a bug.
SELECT
  t.id,
  jsonb_build_object('was', 'pending', 'now', 'completed') AS data
FROM tickets_operation o
JOIN tickets_task t ON t.id = o.task_id
WHERE o.task_id > %(after)s
  AND o.task_id <= %(upto)s
  AND {pending}
  AND {needs_met}
ORDER BY t.id
