-- Agents that hold a task claimed before the time from which a claim counts.
SELECT
  h.holder_id,
  h.oldest,
  g.oldest_held
FROM (
  SELECT
    t.holder_id,
    min(t.claimed_at) AS oldest
  FROM tickets_task t
  WHERE t.holder_id IS NOT NULL
    AND (
      %(agents)s::bigint[] IS NULL
      OR t.holder_id = ANY (%(agents)s)
    )
  GROUP BY 1
) h
CROSS JOIN LATERAL (
  SELECT g.oldest_held
  FROM tickets_latestgrant g
  WHERE g.agent_id = h.holder_id
  ORDER BY g.id DESC
  LIMIT 1
) g
WHERE g.oldest_held > h.oldest
