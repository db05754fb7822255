-- What all tasks of a lane share. As in task_joins.sql, each is looked up by its key.
CROSS JOIN LATERAL (
  SELECT *
  FROM tickets_lane l
  WHERE l.id = t.lane_id
  OFFSET 0
) l
CROSS JOIN LATERAL (
  SELECT *
  FROM agents_project j
  WHERE j.id = t.project_id
  OFFSET 0
) j
LEFT JOIN LATERAL (
  SELECT f.*
  {freezes}
  ORDER BY f.project_id NULLS FIRST
  LIMIT 1
) z ON true
LEFT JOIN LATERAL (
  SELECT {barred_by} AS barred
) q ON t.state = 'pending'
LEFT JOIN fleets f ON f.lane_id = t.lane_id AND t.state = 'pending'
LEFT JOIN holding w
  ON w.project_id = l.project_id
    AND w.workflow_id = l.workflow_id
    AND w.held = t.phase
    AND t.state = 'pending'
