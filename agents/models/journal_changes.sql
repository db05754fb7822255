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
  ARRAY(
    SELECT DISTINCT 'work:' || p.key
    FROM news
    JOIN agents_project p ON p.id = news.project_id
    WHERE news.kind = ANY (%(work)s::varchar[])
  ) AS work
