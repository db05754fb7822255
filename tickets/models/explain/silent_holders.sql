-- Who holds the claims of this ticket, how long all of them have been silent for, and how long the first
-- lease goes on.
(
  SELECT
    jsonb_build_object(
      'tasks', count(*),
      'holders', (array_agg(DISTINCT h.name))[1:3],
      'more', count(DISTINCT h.name) > 3,
      'silent_s', extract(
        epoch FROM clock_timestamp() - max(coalesce(hp.last_seen_at, t.claimed_at))
      )::float8,
      'lease_s', extract(epoch FROM min(t.lease_expires_at) - clock_timestamp())::float8
    )
  FROM tickets_task t
  JOIN agents_agent h ON h.id = t.holder_id
  LEFT JOIN agents_agentpresence hp ON hp.agent_id = t.holder_id
  WHERE t.ticket_id = {ticket}
    AND t.state = 'claimed'
)
