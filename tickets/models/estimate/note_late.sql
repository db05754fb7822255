-- Of the open tasks of these tickets, those with these ids are expected late, at these times, and no other;
-- nor are these that are overdue.
-- A time that differs by little is not written again. What somebody else works on is left to the next turn.
WITH late AS MATERIALIZED (
  SELECT
    unnest(%(ids)s::bigint[]) AS id,
    unnest(%(times)s::timestamptz[]) AS expected_at
),

changed AS MATERIALIZED (
  SELECT
    t.id,
    l.expected_at
  FROM (
    SELECT id FROM late
    UNION
    SELECT unnest(%(overdue)s::bigint[])
    UNION
    SELECT t.id
    FROM tickets_task t
    WHERE t.ticket_id = ANY ((SELECT %(tickets)s::bigint[])::bigint[])
      AND t.state IN ('pending', 'claimed')
      AND t.late_since IS NOT NULL
  ) known
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.expected_at
    FROM tickets_task t
    WHERE t.id = known.id
      AND t.state IN ('pending', 'claimed')
    FOR NO KEY UPDATE SKIP LOCKED
  ) t
  LEFT JOIN late l ON l.id = t.id
  WHERE (t.expected_at IS NULL) <> (l.expected_at IS NULL)
    OR abs(extract(epoch FROM t.expected_at - l.expected_at)) > %(little)s::float8
)

UPDATE tickets_task t
SET
  expected_at = c.expected_at,
  late_since = CASE WHEN c.expected_at IS NOT NULL THEN coalesce(t.late_since, clock_timestamp()) END
FROM changed c
WHERE t.id = c.id
RETURNING t.id
