(
  WITH fleets AS MATERIALIZED (
    SELECT
      l.id AS lane_id,
      f.*
    FROM tickets_lane l
    CROSS JOIN LATERAL ({fleet}) f
    WHERE l.id IN (SELECT t.lane_id FROM tickets_task t WHERE t.ticket_id = k.id AND t.state = 'pending')
  )
  SELECT DISTINCT ON (who = 'operator') id
  FROM (
    SELECT
      t.id,
      t.state,
      {waiting_on} AS who
    FROM (
      SELECT t.*
      {open_tasks}
      OFFSET %(most)s
    ) t
    {task_joins}
    LEFT JOIN fleets f ON f.lane_id = t.lane_id AND t.state = 'pending'
  ) task
  ORDER BY
    who = 'operator',
    state,
    id
)
