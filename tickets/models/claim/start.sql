-- The first start also sets the time out, which counts from it.
--
-- The tasks are locked one by one, in the order of their ids. In a join, PostgreSQL might compare each claim
-- with each task that the agent holds, and would copy the rows of both.
WITH held AS MATERIALIZED (
  SELECT t.id
  FROM (
    SELECT
      unnest(%(ids)s::bigint[]) AS id,
      unnest(%(fences)s::bigint[]) AS fence
    ORDER BY 1
  ) i
  CROSS JOIN LATERAL (
    SELECT t.id
    FROM tickets_task t
    WHERE {held}
    FOR NO KEY UPDATE
  ) t
)

UPDATE tickets_task t
SET
  started_at = coalesce(t.started_at, clock_timestamp()),
  timeout_at = CASE
    WHEN t.started_at IS NULL THEN clock_timestamp() + t.timeout_s * interval '1 s'
    ELSE t.timeout_at
  END
WHERE t.id = ANY (ARRAY(SELECT id FROM held))
RETURNING t.id
