-- Written at most every 5 s, but at once if the agent reports another condition.
WITH held_key AS MATERIALIZED ({held_key}
)

INSERT INTO agents_agentpresence AS p (agent_id, last_seen_at, unread, word, metrics)
SELECT
  %(agent)s::bigint,
  clock_timestamp(),
  0,
  coalesce(%(word)s::varchar, ''),
  coalesce(%(metrics)s::jsonb, '{}')
WHERE {key_holds}
ON CONFLICT (agent_id) DO UPDATE SET
  last_seen_at = excluded.last_seen_at,
  word = coalesce(%(word)s::varchar, p.word),
  metrics = coalesce(%(metrics)s::jsonb, p.metrics)
WHERE p.last_seen_at < excluded.last_seen_at - interval '5 s'
  OR p.word <> coalesce(%(word)s::varchar, p.word)
  OR p.metrics <> coalesce(%(metrics)s::jsonb, p.metrics)
