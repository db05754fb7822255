-- Pending syncs whose time is over. With `ids` only those of them, which the caller has locked.
SELECT t.id
FROM tickets_task t
WHERE t.id = ANY (ARRAY(
    SELECT o.task_id
    FROM tickets_operation o
    WHERE o.waits
      AND omoi_seconds_after(o.since, o.timeout_s) <= (SELECT clock_timestamp())
      AND (%(ids)s::bigint[] IS NULL OR o.task_id = ANY (%(ids)s::bigint[]))
    ORDER BY omoi_seconds_after(o.since, o.timeout_s)
    LIMIT %(limit)s
  ))
  AND t.state = 'pending'
  AND t.operation = 'sync'
ORDER BY t.id
