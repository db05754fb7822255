"""The statements of FastAPI + asyncpg, one a request; pgbench runs them too."""

CLAIM = """
WITH me AS (
  SELECT agent_id FROM api_key WHERE hash = $1
), picked AS (
  SELECT task.id
  FROM task, me
  WHERE state = 'ready'
  ORDER BY priority DESC, id
  LIMIT $2
  FOR UPDATE OF task SKIP LOCKED
), took AS (
  UPDATE task
  SET
    state = 'claimed',
    holder_id = (SELECT agent_id FROM me),
    fence = fence + 1,
    lease_expires_at = clock_timestamp() + make_interval(secs => $3)
  FROM picked
  WHERE task.id = picked.id
  RETURNING task.id, task.ticket_id, task.title, task.description, task.priority, task.fence,
    task.lease_expires_at
), log AS (
  INSERT INTO history (task_id, agent_id, kind)
  SELECT took.id, me.agent_id, 'claimed' FROM took, me
)
SELECT json_build_object('claims', coalesce(json_agg(took), '[]'))::text FROM took
"""

HEARTBEAT = """
UPDATE task
SET lease_expires_at = clock_timestamp() + interval '60 s'
FROM api_key
WHERE api_key.hash = $1
  AND task.id = $2
  AND task.fence = $3
  AND task.holder_id = api_key.agent_id
  AND task.state = 'claimed'
RETURNING json_build_object('task', task.id, 'lease_expires_at', task.lease_expires_at)::text
"""

LIST = """
SELECT json_build_object('results', coalesce(json_agg(r ORDER BY r.id DESC), '[]'))::text
FROM (
  SELECT
    t.id, t.title, t.description, t.phase, t.priority, t.created_at,
    p.key AS project,
    a.name AS assignee,
    (
      SELECT coalesce(json_agg(l.name), '[]')
      FROM ticket_label tl
      JOIN label l ON l.id = tl.label_id
      WHERE tl.ticket_id = t.id
    ) AS labels,
    (
      SELECT json_object_agg(c.state, c.n)
      FROM (SELECT state, count(*) AS n FROM task WHERE ticket_id = t.id GROUP BY state) c
    ) AS tasks
  FROM api_key k
  JOIN project p ON p.key = $2
  JOIN ticket t ON t.project_id = p.id
  LEFT JOIN agent a ON a.id = t.assignee_id
  WHERE k.hash = $1
  ORDER BY t.id DESC
  LIMIT $3
) r
"""
