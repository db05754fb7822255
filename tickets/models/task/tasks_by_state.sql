-- Each project and state by itself, in the order of the index task_list: the bounds compare rows, because
-- with `project_id =` PostgreSQL would walk the tasks of all projects by their primary key.
SELECT
  seen.id AS project_id,
  wanted.state,
  found.id,
  found.id AS place,
  found.matches
FROM seen
CROSS JOIN unnest(%(states)s::varchar[]) AS wanted(state)
CROSS JOIN LATERAL (
  SELECT
    t.id,
    {matches} AS matches
  FROM tickets_task t
  WHERE (t.project_id, t.state, t.id) > (seen.id, wanted.state, %(after)s::bigint)
    AND (t.project_id, t.state, t.id) < (seen.id, wanted.state, 9223372036854775807)
  ORDER BY
    t.project_id,
    t.state,
    t.id
  LIMIT (SELECT most FROM share)
) found
