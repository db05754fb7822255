-- The newest completed pieces of work of each of these phases in the project. Index task_measured has them in
-- this order. OFFSET 0 keeps the title of the ticket a look-up by its id. A task waits for no agent before
-- its ticket is in its phase, even if its needs are met: its wait begins with the last move before the claim.
SELECT
  s.phase,
  s.kind,
  s.capabilities,
  s.title,
  k.title AS ticket_title,
  greatest(0, extract(epoch FROM s.ended_at - s.claimed_at))::float8 AS work_s,
  greatest(
    0,
    extract(epoch FROM s.claimed_at - greatest(coalesce(s.ready_at, s.created_at), h.at))
  )::float8 AS wait_s
FROM unnest(%(phases)s::varchar[]) p(phase)
CROSS JOIN LATERAL (
  SELECT
    t.phase,
    t.kind,
    t.capabilities,
    t.title,
    t.ticket_id,
    t.ready_at,
    t.created_at,
    t.claimed_at,
    t.ended_at
  FROM tickets_task t
  WHERE t.project_id = %(project)s::bigint
    AND t.phase = p.phase
    AND {measured}
  ORDER BY t.ended_at DESC
  LIMIT %(most)s::bigint
) s
CROSS JOIN LATERAL (
  SELECT k.title
  FROM tickets_ticket k
  WHERE k.id = s.ticket_id
  OFFSET 0
) k
LEFT JOIN LATERAL (
  SELECT h.at
  FROM tickets_phasemove h
  WHERE h.ticket_id = s.ticket_id
    AND h.at <= s.claimed_at
  ORDER BY h.move DESC
  LIMIT 1
) h ON true
