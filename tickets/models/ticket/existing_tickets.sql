-- Lock them in id order before anything else: comments, references and parents are written in other orders.
WITH k AS MATERIALIZED (
  SELECT
    id, project_id, key, source_id, title, description, priority, phase, parent_id, external_ref
  FROM tickets_ticket
  WHERE project_id = %s
    AND source = %s
    AND source_id = ANY (%s)
  ORDER BY id
  FOR NO KEY UPDATE
)
SELECT
  k.*,
  t.id AS task,
  t.state,
  {holds} AS holds
FROM k
LEFT JOIN LATERAL (
  SELECT id, state
  FROM tickets_task
  WHERE ticket_id = k.id
  ORDER BY id
  LIMIT 1
) t ON true
