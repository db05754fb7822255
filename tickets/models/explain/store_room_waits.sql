-- Stores who tickets wait on that wait for room in a full phase, where the answer of that phase differs: one
-- for all of them, so each phase is looked at once and only what has changed is read and written. Of a phase
-- that has room by now, each ticket is looked at by itself.
WITH RECURSIVE awaited AS (
  -- each phase that is waited for, by one search of the index
  (
    SELECT
      o.project_id,
      o.room_id
    FROM tickets_ticketwait o
    WHERE o.room_id IS NOT NULL
    ORDER BY
      o.project_id,
      o.room_id
    LIMIT 1
  )
  UNION ALL
  SELECT
    n.project_id,
    n.room_id
  FROM awaited
  CROSS JOIN LATERAL (
    SELECT
      o.project_id,
      o.room_id
    FROM tickets_ticketwait o
    WHERE o.room_id IS NOT NULL
      AND (o.project_id, o.room_id) > (awaited.project_id, awaited.room_id)
    ORDER BY
      o.project_id,
      o.room_id
    LIMIT 1
  ) n
),
{rooms},
answers AS MATERIALIZED (
  SELECT
    w.project_id,
    w.room_id,
    {full_waits} AS who
  FROM rooms w
),
changed AS MATERIALIZED (
  SELECT
    o.id,
    answers.who
  FROM answers
  CROSS JOIN LATERAL (
    SELECT o.id
    FROM tickets_ticketwait o
    WHERE o.project_id = answers.project_id
      AND o.room_id = answers.room_id
      AND o.who < answers.who
    UNION ALL
    SELECT o.id
    FROM tickets_ticketwait o
    WHERE o.project_id = answers.project_id
      AND o.room_id = answers.room_id
      AND o.who > answers.who
    LIMIT %(most)s::bigint
  ) o
)
UPDATE tickets_ticketwait o
SET
  who = changed.who,
  at = clock_timestamp()
FROM changed
WHERE o.id = changed.id
RETURNING o.id
