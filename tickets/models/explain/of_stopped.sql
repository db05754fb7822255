UNION ALL
SELECT w.id
FROM places p
CROSS JOIN LATERAL (
  SELECT w.id
  FROM tickets_ticketwait w
  WHERE (w.project_id, w.id) > (p.id, %(above)s::bigint)
    AND (w.project_id, w.id) < (p.id, %(below)s::bigint)
  ORDER BY w.project_id DESC, w.id DESC
  LIMIT %(most)s
) w
WHERE p.stopped
  AND %(who)s = {operator}
