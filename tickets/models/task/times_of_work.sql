-- How long a task has been worked on, or was, and until its timeout.
SELECT
  CASE
    WHEN t.state <> 'pending' AND t.started_at IS NOT NULL THEN
      greatest(0, extract(epoch FROM coalesce(t.ended_at, clock_timestamp()) - t.started_at))::float8
  END AS elapsed_s,
  CASE
    WHEN t.timeout_at IS NOT NULL THEN
      greatest(0, extract(epoch FROM t.timeout_at - clock_timestamp()))::float8
  END AS remaining_s
FROM tickets_task t
WHERE t.id = %s
