SELECT
  0 AS project_id,
  '' AS state,
  t.id,
  {matches} AS matches
FROM tickets_task t
WHERE {found}
  AND t.id > %(after)s::bigint
ORDER BY t.id
LIMIT (SELECT most FROM share)
