-- What decides whether an act on these tasks is possible, grouped by it. `origin`: the phase that a blocked
-- or cancelled ticket came from.
SELECT
  t.project_id,
  t.state,
  t.operation <> '' AS operation,
  t.rate_limits >= {often} AS limited,
  t.priority,
  t.bumped_at IS NOT NULL AS bumped,
  t.phase,
  k.workflow_id,
  k.phase AS ticket_phase,
  o.to_phase AS origin,
  count(*) AS number,
  min(t.ticket_key || '.' || t.id) AS example
  {ids}
FROM ({tasks}) u
JOIN tickets_task t ON t.id = u.id
JOIN tickets_ticket k ON k.id = t.ticket_id
LEFT JOIN LATERAL (
  SELECT m.to_phase
  FROM tickets_phasemove m
  WHERE m.ticket_id = k.id
    AND k.phase IN ('BLOCKED', 'CANCELLED')
    AND m.to_phase NOT IN ('BLOCKED', 'CANCELLED')
  ORDER BY m.move DESC
  LIMIT 1
) o ON true
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
