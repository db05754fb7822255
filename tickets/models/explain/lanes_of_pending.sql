SELECT DISTINCT t.lane_id
FROM (
  SELECT
    t.lane_id,
    t.state
  FROM tickets_task t
  WHERE {tasks}
  OFFSET 0  -- else all pending tasks could be read
) t
WHERE t.state = 'pending'
