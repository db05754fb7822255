kp.gated
AND EXISTS (
  SELECT
  FROM tickets_verdict v
  WHERE v.ticket_id = k.id
    AND v.move = k.moves
    AND NOT v.passed
    AND v.evidence = omoi_evidence(k.id, k.phase)
    AND v.id = (SELECT max(w.id) FROM tickets_verdict w WHERE w.ticket_id = k.id)
)
