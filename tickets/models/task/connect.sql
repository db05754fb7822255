-- Adds needs, as arrays: a statement has at most 65,535 parameters. The caller has locked the tasks.
WITH new AS (
  INSERT INTO tickets_need (parent_id, child_id, on_end, on_failure)
  SELECT *
  FROM unnest(%s::bigint[], %s::bigint[], %s::varchar[], %s::varchar[])
  ON CONFLICT DO NOTHING
  RETURNING id, parent_id, child_id
),

-- the time of a sync begins with the first task that it waits for
marked AS (
  UPDATE tickets_task
  SET starts_timeout = true
  WHERE id = ANY (ARRAY(
      SELECT new.parent_id
      FROM new
      JOIN tickets_operation o ON o.task_id = new.child_id
      WHERE o.waits
        AND o.since IS NULL
    ))
    AND NOT starts_timeout
)

SELECT id
FROM new
