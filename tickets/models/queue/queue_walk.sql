-- Tasks of these projects in one state behind a place, each project in the order of the index task_list: the
-- bounds compare rows, because with `project_id =` PostgreSQL would walk the tasks of all projects by their
-- primary key. What no index answers is asked of each task, of `most` at most.
SELECT
  p.id AS project,
  found.id,
  found.matches
FROM unnest(%(projects)s::bigint[]) p(id)
CROSS JOIN LATERAL (
  SELECT
    t.id,
    {matches} AS matches
  FROM tickets_task t
  WHERE (t.project_id, t.state, t.id) > (p.id, {state}, %(above)s::bigint)
    AND (t.project_id, t.state, t.id) < (p.id, {state}, %(below)s::bigint)
  ORDER BY
    t.project_id {order},
    t.state {order},
    t.id {order}
  LIMIT %(most)s::bigint
) found
ORDER BY found.id {order}
