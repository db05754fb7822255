{found}
SELECT
  project_id,
  count(*)::int AS number
FROM found
WHERE NOT moving
GROUP BY project_id
