-- Operations whose time is over, but that have ended before: they wait no more.
UPDATE tickets_operation
SET waits = false
WHERE task_id = ANY (ARRAY(
    SELECT o.task_id
    FROM tickets_operation o
    WHERE o.waits
      AND omoi_seconds_after(o.since, o.timeout_s) <= (SELECT clock_timestamp())
      -- not a join: the planner takes a third of all for overdue, and would read all tasks
      AND (SELECT t.state FROM tickets_task t WHERE t.id = o.task_id) <> 'pending'
    ORDER BY omoi_seconds_after(o.since, o.timeout_s)
    LIMIT %(limit)s
    FOR NO KEY UPDATE
    SKIP LOCKED
  ))
