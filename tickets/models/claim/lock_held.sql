  -- The claims that are still held, locked one by one in the order of their ids. In a join, PostgreSQL might
  -- compare each with each task that the agent holds, and would copy the rows of both.
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
