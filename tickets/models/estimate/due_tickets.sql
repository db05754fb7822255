-- The next open tasks with a deadline, after a place in the order of projects and deadlines. Those that are
-- overdue are among them, so that a turn never reads more rows than it may. `noted`: it was expected late.
SELECT
  t.id,
  t.project_id,
  t.deadline,
  t.ticket_id,
  t.deadline > clock_timestamp() AS to_come,
  t.late_since IS NOT NULL AS noted
FROM tickets_task t
WHERE t.state IN ('pending', 'claimed')
  AND t.deadline IS NOT NULL
  AND (t.project_id, t.deadline, t.id) > (
    %(project)s::bigint,
    %(deadline)s::timestamptz,
    %(id)s::bigint
  )
ORDER BY
  t.project_id,
  t.deadline,
  t.id
LIMIT %(most)s::bigint
