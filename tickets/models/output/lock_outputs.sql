-- The outputs of these claims, made where they are new and locked, so that two pieces of one come one after
-- the other. Output shows progress; that is noted now and then.
WITH held_key AS MATERIALIZED ({held_key}
),

held AS MATERIALIZED (
  SELECT
    t.id,
    t.fence,
    t.attempts,
    t.active_at
  FROM (
    SELECT DISTINCT
      unnest(%(ids)s::bigint[]) AS id,
      unnest(%(fences)s::bigint[]) AS fence
    ORDER BY 1
  ) i
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.fence,
      t.attempts,
      t.active_at
    FROM tickets_task t
    WHERE {held}
  ) t
),

active AS (
  UPDATE tickets_task t
  SET {active}
  FROM held
  WHERE t.id = held.id
    AND t.fence = held.fence
    AND held.active_at < clock_timestamp() - interval '30 s'
)

INSERT INTO tickets_taskoutput AS o (task_id, fence, attempt, agent, size, updated_at)
SELECT
  id,
  fence,
  attempts,
  %(actor)s::text,
  0,
  clock_timestamp()
FROM held
ORDER BY
  id,
  fence
ON CONFLICT (task_id, fence) DO UPDATE SET updated_at = clock_timestamp()
RETURNING
  o.id,
  o.task_id,
  o.fence,
  o.size
