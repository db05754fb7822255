-- The moves of a ticket, with the number of checks that its gate had.
SELECT
  m.id,
  m.move,
  m.xid,
  m.from_phase,
  m.to_phase,
  m.ground,
  m.past_limit,
  m.reason,
  m."by",
  m.at,
  m.verdict_id,
  jsonb_array_length(v.checks) AS checks
FROM tickets_phasemove m
LEFT JOIN tickets_verdict v ON v.id = m.verdict_id
WHERE m.ticket_id = %s
ORDER BY m.move
