-- The tasks of a bulk act, as they match now, in batches. Each batch is in the order of ids, as locks are
-- taken.
WITH matching AS MATERIALIZED (
  SELECT
    t.id,
    t.project_id,
    row_number() OVER (ORDER BY t.id) - 1 AS n
  FROM (
    {found}
  ) t
  ORDER BY t.id
  LIMIT %(most)s::bigint + 1
),

batches AS (
  INSERT INTO tickets_bulkbatch (bulk_id, number, tasks, tries, done, not_done)
  SELECT
    %(bulk)s::bigint,
    m.n / %(batch)s::int,
    array_agg(m.id ORDER BY m.id),
    0,
    '{}',
    '{}'
  FROM matching m
  GROUP BY m.n / %(batch)s::int
)

SELECT
  count(*) AS number,
  coalesce(array_agg(DISTINCT m.project_id), '{}') AS projects
FROM matching m
