{found}
SELECT
  coalesce(array_agg(id), '{}') AS tickets,
  coalesce(array_agg(id) FILTER (WHERE NOT moving), '{}') AS stuck
FROM found
