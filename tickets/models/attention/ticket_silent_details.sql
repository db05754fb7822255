(
  SELECT
    jsonb_build_object(
      'tasks', count(*),
      'holders', (array_agg(DISTINCT h.name))[1:3],
      'more', count(DISTINCT h.name) > 3,
      'silent_s', extract(epoch FROM clock_timestamp() - f.since)::float8,
      'lease_s', extract(epoch FROM min(t.lease_expires_at) - clock_timestamp())::float8
    )
  FROM tickets_task t
  JOIN agents_agent h ON h.id = t.holder_id
  WHERE t.ticket_id = f.ticket_id
    AND t.state = 'claimed'
)
