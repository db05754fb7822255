-- When agents were last heard from, many at once: `ages` in seconds. An agent may have been deleted.
INSERT INTO agents_agentpresence AS p (agent_id, last_seen_at, unread, word, metrics, minutes)
SELECT
  a.id,
  clock_timestamp() - s.age * interval '1 s',
  0,
  '',
  '{}',
  {minute}
FROM unnest(%(ids)s::bigint[], %(ages)s::float8[]) AS s(id, age)
JOIN agents_agent a ON a.id = s.id
ORDER BY a.id
ON CONFLICT (agent_id) DO UPDATE SET
  last_seen_at = excluded.last_seen_at,
  minutes = {heard}
WHERE p.last_seen_at < excluded.last_seen_at - interval '4 s'
