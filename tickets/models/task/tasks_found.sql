SELECT
  0 AS project_id,
  '' AS state,
  t.id,
  {place} AS place,
  {matches} AS matches
FROM tickets_task t
WHERE {found}
  AND {behind}
ORDER BY {order}
LIMIT (SELECT most FROM share)
