SELECT
  'project ' || seen.id AS walk,
  found.*,
  %(most)s::bigint AS most
FROM seen
CROSS JOIN LATERAL (
  SELECT
    e.xid,
    e.id,
    {matches} AS matches
  FROM agents_event e
  WHERE (e.project_id, e.xid, e.id) > (seen.id, %(xid)s::text::xid8, %(id)s::bigint)
    AND (e.project_id, e.xid, e.id) < (seen.id, pg_snapshot_xmin(pg_current_snapshot()), 0)
  ORDER BY
    e.project_id,
    e.xid,
    e.id
  LIMIT %(most)s::bigint
) found
