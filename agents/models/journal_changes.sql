-- A snapshot does not see transactions that began after it (xmax) or were still open (xip): two index
-- ranges, however old its oldest transaction is. The ORDER BY is for the planner: without it, a generic
-- plan expects a third of the journal to be new and reads it from the start. For the same reason each open
-- transaction is looked up by itself.
WITH news AS MATERIALIZED (
  (
    SELECT topic, project_id, kind
    FROM agents_event
    WHERE xid >= pg_snapshot_xmax(%(old)s::pg_snapshot)
    ORDER BY xid, id
    LIMIT {most} + 1
  )
  UNION ALL
  (
    SELECT e.topic, e.project_id, e.kind
    FROM pg_snapshot_xip(%(old)s::pg_snapshot) open(xid)
    CROSS JOIN LATERAL (
      SELECT topic, project_id, kind
      FROM agents_event
      WHERE xid = open.xid
      ORDER BY xid, id
      LIMIT {most} + 1
    ) e
    LIMIT {most} + 1
  )
),

-- What is asked of a project is asked once, however many events it has.
projects AS MATERIALIZED (
  SELECT
    project_id,
    array_agg(DISTINCT kind) AS kinds
  FROM news
  WHERE project_id IS NOT NULL
  GROUP BY project_id
)

SELECT
  pg_current_snapshot()::text AS cursor,
  (SELECT count(*) FROM news) > {most}
    OR pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(%(old)s::pg_snapshot) AS lost,
  ARRAY(
    SELECT DISTINCT changed.topic
    FROM news
    LEFT JOIN agents_project p ON p.id = news.project_id
    CROSS JOIN LATERAL (VALUES (news.topic), ('project:' || p.key)) changed(topic)
    WHERE changed.topic IS NOT NULL
  ) AS topics,
  EXISTS (SELECT FROM news WHERE kind = ANY (%(rights)s::varchar[])) AS rights,
  ARRAY(SELECT DISTINCT kind FROM news WHERE kind = ANY (%(rings)s::varchar[])) AS rung,
  ARRAY(
    SELECT 'work:' || p.key
    FROM projects n
    JOIN agents_project p ON p.id = n.project_id
    WHERE n.kinds && %(work)s::varchar[]
      OR n.kinds && %(room)s::varchar[] AND num_nonnulls(p.max_agents, p.max_tickets) > 0
      OR n.kinds && %(held)s::varchar[] AND ({holds})
    UNION
    -- an event of no project may bring work in any, and so may one of a pool, whose agents work anywhere
    SELECT 'work:' || p.key
    FROM agents_project p
    WHERE EXISTS (
      SELECT
      FROM news
      WHERE (project_id IS NULL OR kind LIKE 'pool.%%')
        AND kind = ANY (%(work)s::varchar[])
    )
    UNION
    -- a claim that ends makes room in a pool, or was its probe; some agents work everywhere
    SELECT coalesce('work:' || p.key, 'work')
    FROM agents_agent a
    LEFT JOIN agents_agent_projects m ON m.agent_id = a.id
    LEFT JOIN agents_project p ON p.id = m.project_id
    WHERE EXISTS (SELECT FROM news WHERE kind = ANY (%(room)s::varchar[]))
      AND a.pools && ARRAY(
        SELECT name
        FROM agents_pool
        WHERE most_claims IS NOT NULL
          OR closed_at IS NOT NULL
      )
  ) AS work
