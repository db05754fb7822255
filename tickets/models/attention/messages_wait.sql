SELECT
  1::bigint AS id,
  q.mtime AS since,
  'admin' AS who,
  NULL::bigint AS ticket_id,
  NULL::bigint AS task_id
FROM (
  SELECT q.mtime
  FROM dramatiq.queue q
  WHERE q.state = 'queued'
  ORDER BY q.mtime
  LIMIT 1
) q
WHERE q.mtime < clock_timestamp() - interval '60 s'
  AND EXISTS (
    SELECT
    FROM agents_agent a
    JOIN agents_agentpresence p ON p.agent_id = a.id
    WHERE a.runs_profiles
      AND a.state = 'available'
      AND p.last_seen_at > clock_timestamp() - {heard}
  )
