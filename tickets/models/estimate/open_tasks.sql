-- The open tasks of a ticket and all open tasks that they wait for, also of other tickets: up to `most`, and
-- one more. OFFSET 0 keeps each step a look-up by an index.
WITH RECURSIVE awaited(id) AS (
  (
    SELECT t.id
    FROM tickets_task t
    WHERE t.ticket_id = %(ticket)s::bigint
      AND t.state IN ('pending', 'claimed')
    LIMIT %(most)s::bigint + 1
  )
  UNION
  SELECT p.id
  FROM awaited a
  CROSS JOIN LATERAL (
    SELECT n.parent_id
    FROM tickets_need n
    WHERE n.child_id = a.id
    OFFSET 0
  ) n
  CROSS JOIN LATERAL (
    SELECT p.id
    FROM tickets_task p
    WHERE p.id = n.parent_id
      AND p.state IN ('pending', 'claimed')
    OFFSET 0
  ) p
)
SELECT
  t.*,
  k.title AS ticket_title,
  extract(
    epoch FROM clock_timestamp() - CASE t.state
      WHEN 'claimed' THEN t.since
      ELSE greatest(t.since, k.phase_since)
    END
  )::float8 AS since_s
FROM (SELECT id FROM awaited LIMIT %(most)s::bigint + 1) a
CROSS JOIN LATERAL (
  SELECT
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.title,
    t.phase,
    t.kind,
    t.capabilities,
    t.state,
    t.operation,
    t.open_needs,
    t.edges_left,
    t.unsatisfiable,
    t.rate_limits,
    t.deadline,
    {pending} AND (t.open_needs > 0 OR t.not_due OR t.held) AS waits,
    greatest(0, extract(epoch FROM t.not_before - clock_timestamp()))::float8 AS due_s,
    CASE t.state WHEN 'claimed' THEN t.claimed_at ELSE coalesce(t.ready_at, t.created_at) END AS since
  FROM tickets_task t
  WHERE t.id = a.id
  OFFSET 0
) t
CROSS JOIN LATERAL (
  SELECT
    k.title,
    k.phase_since
  FROM tickets_ticket k
  WHERE k.id = t.ticket_id
  OFFSET 0
) k
ORDER BY t.id
