-- If the holders of all claims of ticket `k` are silent while their leases still hold, and nothing else of it
-- can be granted, has failed or cannot go on: since when, and the task whose lease ends first.
SELECT
  max(coalesce(hp.last_seen_at, t.claimed_at)) AS since,
  (array_agg(t.id ORDER BY t.lease_expires_at, t.id))[1] AS task_id
FROM (
  SELECT *
  FROM tickets_task t
  WHERE t.ticket_id = k.id
    AND t.state = 'claimed'
  OFFSET 0
) t
CROSS JOIN LATERAL (
  SELECT max(hp.last_seen_at) AS last_seen_at
  FROM agents_agentpresence hp
  WHERE hp.agent_id = t.holder_id
) hp
HAVING bool_and(({silent_claim}) IS TRUE)
  AND NOT EXISTS (
    SELECT
    FROM tickets_task t
    WHERE t.ticket_id = k.id
      AND t.state = 'failed'
      AND NOT t.held
  )
  AND NOT EXISTS (
    SELECT
    FROM (
      SELECT *
      FROM tickets_task t
      WHERE t.ticket_id = k.id
        AND t.state = 'pending'
      LIMIT 200  -- bounds what a page costs
    ) t
    WHERE t.unsatisfiable AND NOT t.held
      OR t.rate_limits >= {often}
      OR {ready}
  )
