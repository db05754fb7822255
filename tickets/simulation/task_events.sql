SELECT
  kind,
  substr(subject, 6)::bigint AS task,
  (data->>'fence')::bigint AS fence,
  data->>'state' AS state,
  at
FROM agents_event
WHERE project_id = %s
  AND id > %s
  AND kind = ANY (%s)
ORDER BY id
