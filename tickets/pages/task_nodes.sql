-- What the graph shows of these tasks. `agent` holds the task or ended it.
SELECT
  t.id,
  t.title,
  t.state,
  t.unsatisfiable,
  {ready} AS ready,
  t.claimed_at,
  t.ended_at,
  a.name AS agent
FROM tickets_task t
LEFT JOIN agents_agent a ON a.id = coalesce(t.holder_id, t.settled_by)
WHERE t.id = ANY (%s)
