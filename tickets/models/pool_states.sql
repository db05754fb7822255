SELECT
  p.id,
  CASE
    WHEN p.closed_at IS NOT NULL AND NOT r.opened AND r.due AND r.tried THEN 'tried'
    WHEN p.closed_at IS NOT NULL AND NOT r.opened AND r.due THEN 'due'
    WHEN p.closed_at IS NOT NULL AND NOT r.opened THEN 'closed'
    WHEN r.room <= 0 THEN 'full'
    ELSE 'open'
  END AS state,
  {claims} AS claims,
  CASE
    WHEN r.tried THEN (
      SELECT t.ticket_key || '.' || t.id
      FROM tickets_task t
      WHERE t.id = p.probe_task
    )
  END AS probe
FROM agents_pool p
CROSS JOIN {room} r
WHERE p.id = ANY (%(ids)s)
