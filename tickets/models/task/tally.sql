SELECT
  t.ticket_id AS ticket,
  count(*) FILTER (WHERE t.state = 'completed') AS done,
  count(*) FILTER (WHERE t.state = 'claimed') AS running,
  count(*) FILTER (WHERE t.state = 'failed') AS failed,
  count(*) FILTER (WHERE t.state = 'cancelled') AS cancelled,
  count(*) FILTER (WHERE {pending} AND t.unsatisfiable) AS stuck,
  count(*) FILTER (WHERE {ready}) AS ready,
  count(*) FILTER (WHERE {pending} AND NOT t.unsatisfiable AND NOT ({ready})) AS waiting,
  min(t.id) FILTER (WHERE t.state = 'failed') AS first_failed,
  min(t.id) FILTER (WHERE {pending} AND t.unsatisfiable) AS first_stuck,
  min(t.id) FILTER (WHERE {ready}) AS first_ready,
  (array_agg(t.lane_id ORDER BY t.id) FILTER (WHERE {ready}))[1] AS ready_lane,
  min(t.id) FILTER (WHERE {pending} AND NOT ({ready}) AND NOT t.unsatisfiable) AS first_waiting,
  min(t.id) FILTER (
    WHERE t.state = 'claimed'
      AND t.lease_expires_at IS NOT NULL  -- else by a person, of whom nothing is heard
      AND coalesce(p.last_seen_at < clock_timestamp() - {heard}, true)
  ) AS first_silent,
  coalesce(array_agg(DISTINCT a.name) FILTER (WHERE a.name IS NOT NULL), '{}') AS holders
FROM tickets_task t
LEFT JOIN agents_agent a ON a.id = t.holder_id
LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
WHERE t.ticket_id = ANY (%s)
GROUP BY 1
