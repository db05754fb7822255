-- Once, however many notice it at the same moment.
UPDATE agents_agentpresence p
SET
  shared_since = CASE
    WHEN p.shared_at > clock_timestamp() - {shared_for} THEN p.shared_since
    ELSE statement_timestamp()
  END,
  shared_at = statement_timestamp()
WHERE p.agent_id = %(agent)s
  AND coalesce(p.shared_at < clock_timestamp() - interval '5 s', true)
RETURNING p.shared_since = p.shared_at AS new
