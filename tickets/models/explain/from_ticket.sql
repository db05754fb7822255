FROM tickets_ticket k
-- as in task_joins.sql
CROSS JOIN LATERAL (
  SELECT *
  FROM agents_project j
  WHERE j.id = k.project_id
  OFFSET 0
) j
LEFT JOIN LATERAL (
  SELECT f.*
  {freezes}
  ORDER BY f.project_id NULLS FIRST
  LIMIT 1
) z ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_workflowphase kp
  WHERE kp.workflow_id = k.workflow_id
    AND kp.name = k.phase
  OFFSET 0
) kp ON true
{join_open_phases}
LEFT JOIN LATERAL (
  SELECT
    count(*) AS total,
    count(*) FILTER (WHERE t.state IN ('pending', 'claimed') AND NOT t.unsatisfiable) AS unfinished,
    count(*) FILTER (WHERE t.state = 'failed') AS failed,
    (array_agg(k.key || '.' || t.id ORDER BY t.id) FILTER (WHERE t.state = 'failed'))[1:3] AS failed_keys,
    max(t.ended_at) FILTER (WHERE t.state = 'failed') AS failed_at,
    count(*) FILTER (WHERE t.state = 'pending' AND t.unsatisfiable) AS unsatisfiable,
    (
      array_agg(k.key || '.' || t.id ORDER BY t.id) FILTER (WHERE t.state = 'pending' AND t.unsatisfiable)
    )[1:3] AS unsatisfiable_keys,
    max(t.ended_at) AS last_end,
    (
      -- the most frequent errors, each with its number of tasks
      SELECT jsonb_agg(jsonb_build_array(e.error, e.tasks) ORDER BY e.tasks DESC, e.first)
      FROM (
        SELECT
          left(t.error, {quoted}) AS error,
          count(*) AS tasks,
          min(t.id) AS first
        FROM tickets_task t
        WHERE t.ticket_id = k.id
          AND t.state = 'failed'
          AND {in_open_phase}
        GROUP BY 1
        ORDER BY
          tasks DESC,
          first
        LIMIT 3
      ) e
    ) AS errors,
    -- claimed before pending, as in OPEN_TASKS
    coalesce(
      min(t.id) FILTER (WHERE t.state = 'claimed' AND NOT t.unsatisfiable),
      min(t.id) FILTER (WHERE t.state = 'pending' AND NOT t.unsatisfiable)
    ) AS first
  FROM tickets_task t
  WHERE t.ticket_id = k.id
    AND {in_open_phase}
) c ON true
{waits_for_room}
