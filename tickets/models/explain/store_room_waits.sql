-- Stores who tickets wait on that wait for room in a phase, where the answer of that phase differs: one for
-- all of them, so each phase is looked at once and only what has changed is read and written. While it is
-- full, they wait on who can make room; once it has room, on whoever moves them on. One that should go back
-- into it has a time of its own, `until`: what it then waits for depends on why it was refused.
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
    a.project_id,
    a.room_id,
    w.room_id IS NOT NULL AS is_full,
    CASE
      WHEN w.room_id IS NULL THEN {clock}
      ELSE {full_waits}
    END AS who
  FROM awaited a
  LEFT JOIN rooms w ON (w.project_id, w.room_id) = (a.project_id, a.room_id)
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
      AND (answers.is_full OR o.until IS NULL)
    UNION ALL
    SELECT o.id
    FROM tickets_ticketwait o
    WHERE o.project_id = answers.project_id
      AND o.room_id = answers.room_id
      AND o.who > answers.who
      AND (answers.is_full OR o.until IS NULL)
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
