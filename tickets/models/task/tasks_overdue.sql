-- Each project by itself, in the order of the index task_deadline.
SELECT
  seen.id AS project_id,
  '' AS state,
  found.*
FROM seen
CROSS JOIN LATERAL (
  SELECT
    t.id,
    {place} AS place,
    {matches} AS matches
  FROM tickets_task t
  WHERE t.project_id = seen.id
    AND {overdue}
    AND {behind}
  ORDER BY {order}
  LIMIT (SELECT most FROM share)
) found
