-- The agents that fit each of these lanes. A lane is read once, however many tasks of it are asked about.
fleets AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    f.*
  FROM tickets_lane l
  CROSS JOIN LATERAL (
    {fleet}
  ) f
  WHERE l.id = ANY (
    ARRAY(
      SELECT DISTINCT t.lane_id
      FROM tickets_task t
      WHERE {tasks}
        AND t.state = 'pending'
    )
  )
)
