-- Written at most once a second, and without waiting for a lock.
WITH old AS (
  SELECT r.name
  FROM tickets_sweeprun r
  WHERE r.name = %(name)s::varchar
    AND r.at < clock_timestamp() - interval '1 s'
  FOR NO KEY UPDATE SKIP LOCKED
),

again AS (
  UPDATE tickets_sweeprun r
  SET at = clock_timestamp()
  FROM old
  WHERE r.name = old.name
)

INSERT INTO tickets_sweeprun (name, at)
SELECT
  %(name)s::varchar,
  clock_timestamp()
WHERE NOT EXISTS (
  SELECT
  FROM tickets_sweeprun
  WHERE name = %(name)s::varchar
)
ON CONFLICT DO NOTHING
