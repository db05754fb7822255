{of_projects}
UNION ALL (
  -- those of agents, which are in no project
  SELECT
    'agents',
    e.xid,
    e.id,
    {matches} AND e.topic IN (SELECT topic FROM heard),
    %(examined)s::bigint
  FROM agents_event e
  WHERE NOT (SELECT sees_all FROM reader)
    AND e.project_id IS NULL
    AND (e.xid, e.id) > (%(xid)s::text::xid8, %(id)s::bigint)
    AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY
    e.project_id, -- with it, the order is that of the index of projects, which has these together
    e.xid,
    e.id
  LIMIT %(examined)s::bigint
)
UNION ALL (
  SELECT
    'everything',
    e.xid,
    e.id,
    {matches},
    %(most)s::bigint
  FROM agents_event e
  WHERE (SELECT sees_all FROM reader)
    AND (e.xid, e.id) > (%(xid)s::text::xid8, %(id)s::bigint)
    AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY
    e.xid,
    e.id
  LIMIT %(most)s::bigint
)
