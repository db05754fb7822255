-- Fair share: the project with the fewest live claims comes first, and each task taken counts as one more.
-- What people hold (without a lease) is not counted.
-- Where several have as many, the most urgent task comes first. If all tasks are of one project, nothing is
-- counted; of very many claims only the first are.
shares AS MATERIALIZED (
  SELECT
    p.project_id,
    CASE
      WHEN count(*) OVER () > 1 AND {counts} THEN coalesce(
        {live},
        (
          SELECT count(*)
          FROM (
            SELECT
            FROM tickets_task c
            WHERE c.project_id = p.project_id
              AND c.state = 'claimed'
              AND c.lease_expires_at IS NOT NULL
            ORDER BY c.id
            LIMIT {counted}
          ) c
        )
      )
      ELSE 0
    END AS live
  FROM (SELECT DISTINCT project_id FROM heads) p
),

turns AS MATERIALIZED (
  SELECT
    h.*,
    s.live + row_number() OVER (PARTITION BY h.project_id ORDER BY h.rank, h.id) AS turn
  FROM heads h
  JOIN shares s ON s.project_id = h.project_id
),

-- The first of these tasks, and how many tasks may be taken because of it. If it must run alone, an
-- agent that holds nothing takes only this task. Agents that hold something skip it, except the first
-- available agent that fits: that one takes nothing, so that it becomes free for the task.
first_head AS MATERIALIZED (
  SELECT
    h.alone,
    CASE
      WHEN NOT h.alone THEN agent.free
      WHEN agent.held = 0 THEN 1
      WHEN EXISTS (
        SELECT
        FROM tickets_lane l
        JOIN agents_agent a ON {other_fits}
        WHERE l.id = h.lane_id
          AND a.id < agent.id
          AND a.state = 'available'
          AND (
            SELECT p.last_seen_at
            FROM agents_agentpresence p
            WHERE p.agent_id = a.id
          ) > clock_timestamp() - {heard}
      ) THEN agent.free
      ELSE 0
    END AS allowed
  FROM turns h
  CROSS JOIN agent
  ORDER BY h.turn, h.rank, h.id
  LIMIT 1
),

-- These tasks in the order in which the agent is granted them, without those that must run alone if it may
-- not take one.
places AS MATERIALIZED (
  SELECT
    *,
    row_number() OVER (ORDER BY turn, rank, id) AS place
  FROM turns
  WHERE NOT alone
    OR (SELECT first_head.alone AND agent.held = 0 FROM first_head, agent)
)
