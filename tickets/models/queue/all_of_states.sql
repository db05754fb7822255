-- All tasks of these projects in these states that match, each project and state as in queue_walk.sql.
SELECT
  found.id,
  p.id AS project_id
FROM unnest(%(projects)s::bigint[]) p(id)
CROSS JOIN unnest(%(states)s::varchar[]) s(state)
CROSS JOIN LATERAL (
  SELECT t.id
  FROM tickets_task t
  WHERE (t.project_id, t.state, t.id) > (p.id, s.state, -1)
    AND (t.project_id, t.state, t.id) < (p.id, s.state, 9223372036854775807)
    AND {condition}
  ORDER BY
    t.project_id,
    t.state,
    t.id
  LIMIT %(most)s::bigint + 1
) found
