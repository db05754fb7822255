-- Written at most every 5 s, but at once if the agent reports another condition, and always while more than
-- one of its processes was heard from in the last minute.
WITH held_key AS MATERIALIZED ({held_key}
),

-- The process that reports, with the times when it was first and last heard from.
process AS MATERIALIZED (
  SELECT
    %(instance)s::text AS instance,
    extract(epoch FROM clock_timestamp()) AS now
  WHERE %(instance)s::text <> ''
)

INSERT INTO agents_agentpresence AS p (agent_id, last_seen_at, unread, word, metrics, instances, minutes)
SELECT
  %(agent)s::bigint,
  clock_timestamp(),
  0,
  coalesce(%(word)s::varchar, ''),
  coalesce(%(metrics)s::jsonb, '{}'),
  coalesce(
    (SELECT jsonb_build_object(instance, jsonb_build_array(now, now)) FROM process),
    '{}'
  ),
  {minute}
WHERE {key_holds}
ON CONFLICT (agent_id) DO UPDATE SET
  last_seen_at = excluded.last_seen_at,
  minutes = {heard},
  word = coalesce(%(word)s::varchar, p.word),
  metrics = coalesce(%(metrics)s::jsonb, p.metrics),
  instances = coalesce(
    (
      SELECT
        jsonb_build_object(
          instance,
          jsonb_build_array(coalesce(p.instances -> instance -> 0, to_jsonb(now)), now)
        ) || coalesce(
          (
            SELECT jsonb_object_agg(other.key, other.value)
            FROM (
              SELECT
                o.key,
                o.value
              FROM jsonb_each(p.instances) o
              WHERE o.key <> instance
                AND (o.value ->> 1)::numeric > now - {shared_within}
              ORDER BY o.value -> 1 DESC
              LIMIT {most_instances}
            ) other
          ),
          '{}'
        )
      FROM process
    ),
    p.instances
  )
WHERE p.last_seen_at < excluded.last_seen_at - interval '5 s'
  OR p.word <> coalesce(%(word)s::varchar, p.word)
  OR p.metrics <> coalesce(%(metrics)s::jsonb, p.metrics)
  OR %(instance)s::text <> ''
    AND (
      NOT p.instances ? %(instance)s::text
      OR p.instances - %(instance)s::text <> '{}'
    )
RETURNING
  p.instances,
  coalesce(p.shared_at > clock_timestamp() - interval '30 s', false) AS noticed
