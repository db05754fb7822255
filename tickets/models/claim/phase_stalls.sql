UPDATE tickets_task t
SET phase_stall_after_s = p.seconds
FROM unnest(%(phases)s::varchar[], %(seconds)s::int[]) AS p(phase, seconds)
WHERE t.phase = p.phase
  AND t.id = ANY (ARRAY(
    SELECT o.id
    FROM tickets_task o
    JOIN unnest(%(phases)s::varchar[], %(seconds)s::int[]) AS s(phase, seconds) ON s.phase = o.phase
    WHERE o.ticket_id = %(ticket)s
      AND o.state IN ('pending', 'claimed', 'failed', 'cancelled')
      AND o.phase_stall_after_s IS DISTINCT FROM s.seconds
    ORDER BY o.id
    FOR NO KEY UPDATE OF o
  ))
