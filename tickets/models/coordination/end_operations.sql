-- Ends operations that the caller has locked, and tells of it: the event of every task, and that of the
-- operation after it.
WITH i AS MATERIALIZED (
  SELECT *
  FROM unnest(
    %(ids)s::bigint[],
    %(states)s::varchar[],
    %(results)s::jsonb[],
    %(errors)s::text[],
    %(left_out)s::jsonb[],
    %(kinds)s::varchar[],
    %(data)s::jsonb[]
  ) AS i(id, state, result, error, left_out, kind, data)
),

ended AS MATERIALIZED (
  UPDATE tickets_task t
  SET
    state = i.state,
    result = i.result,
    error = i.error,
    promote_at = NULL,
    ended_at = clock_timestamp(),
    events = t.events + 1 + (i.kind <> '')::int
  FROM i
  WHERE t.id = i.id
    AND t.state = 'pending'
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.state,
    t.error,
    t.events,
    i.kind,
    i.data
),

first AS (
  SELECT
    id,
    ticket_key,
    project_id,
    state,
    error,
    events - (kind <> '')::int AS events
  FROM ended
),

details AS (
  UPDATE tickets_operation o
  SET
    waits = false,
    left_out = i.left_out
  FROM i
  WHERE o.task_id = i.id
    AND (o.waits OR o.left_out <> i.left_out)
),

of_tasks AS ({of_tasks}
),

of_operations AS ({of_operations}
)

SELECT
  id,
  ticket_id
FROM ended
