SELECT
  min(id) AS task,
  count(*)::int AS tickets
FROM (
  SELECT DISTINCT ON (t.ticket_id)
    t.id,
    t.lane_id,
    {ready} AS ready
  FROM tickets_task t
  JOIN tickets_ticket k ON k.id = t.ticket_id
  WHERE t.project_id = %s
    AND t.state IN ('pending', 'claimed')
    AND NOT t.unsatisfiable
    AND k.archived_at IS NULL
    AND k.phase NOT IN ('BLOCKED', 'CANCELLED')
  ORDER BY
    t.ticket_id,
    t.state,
    NOT ({ready}),
    t.id
) first
WHERE ready
GROUP BY lane_id
ORDER BY count(*) DESC
LIMIT 50
