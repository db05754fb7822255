-- A page of the journal that the reader sees, after a position, in the journal's order, as a JSON array.
--
-- Each source of events is walked in the order of an index; the bounds compare rows for that. A filter that
-- no index answers is asked of each event walked over. A walk that ended at its `most` events may have more,
-- so the page ends at `complete`, up to which every walk came, and may be short.
WITH {seen},
heard AS MATERIALIZED (
  SELECT 'agent:' || a.name AS topic
  FROM agents_agent a
  WHERE a.id = %(agent)s::bigint
    OR a.owner_id = %(person)s::bigint
    OR a.id = ANY (
      ARRAY(
        SELECT m.agent_id
        FROM agents_agent_projects m
        WHERE m.project_id = ANY (ARRAY(SELECT id FROM seen))
      )
    )
),
walked AS MATERIALIZED (
  {walked}
),
complete AS MATERIALIZED (
  SELECT
    w.xid,
    w.id
  FROM (
    SELECT DISTINCT ON (walk)
      xid,
      id,
      most,
      count(*) OVER (PARTITION BY walk) AS n
    FROM walked
    ORDER BY
      walk,
      xid DESC,
      id DESC
  ) w
  WHERE w.n >= w.most
  ORDER BY
    w.xid,
    w.id
  LIMIT 1
),
page AS MATERIALIZED (
  SELECT
    w.xid,
    w.id
  FROM walked w
  WHERE w.matches
    AND NOT EXISTS (
      SELECT
      FROM complete c
      WHERE (w.xid, w.id) > (c.xid, c.id)
    )
  ORDER BY
    w.xid,
    w.id
  LIMIT %(limit)s::bigint
),
documents AS MATERIALIZED (
  SELECT
    e.xid,
    e.id,
    (
      SELECT row_to_json(event)::text
      FROM (
        SELECT
          e.xid || '_' || e.id AS cursor,
          {at} AS at,
          e.topic,
          e.subject,
          e.number,
          e.kind,
          e.actor,
          e.key,
          e.data,
          e.reason
      ) event
    ) AS document
  FROM agents_event e
  WHERE e.id = ANY (ARRAY(SELECT id FROM page))
)
SELECT
  %(xid)s::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) AS ahead,
  (SELECT '[' || coalesce(string_agg(document, ',' ORDER BY xid, id), '') || ']' FROM documents) AS results,
  coalesce(
    (
      SELECT xid || '_' || id
      FROM page
      ORDER BY
        xid,
        id
      OFFSET %(limit)s::bigint - 1
    ),
    (SELECT xid || '_' || id FROM complete)
  ) AS following
