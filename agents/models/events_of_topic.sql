-- Who does not see the topic must not learn how much is in it: its events are left out of the walk.
(
  SELECT
    'topic' AS walk,
    e.xid,
    e.id,
    {matches} AS matches,
    %(most)s::bigint AS most
  FROM agents_event e
  WHERE (e.topic, e.xid, e.id) > (%(topic)s::text, %(xid)s::text::xid8, %(id)s::bigint)
    AND (e.topic, e.xid, e.id) < (%(topic)s::text, pg_snapshot_xmin(pg_current_snapshot()), 0)
    AND (
      (SELECT sees_all FROM reader)
      OR e.project_id = ANY (ARRAY(SELECT id FROM seen))
      OR (e.project_id IS NULL AND e.topic IN (SELECT topic FROM heard))
    )
  ORDER BY
    e.topic,
    e.xid,
    e.id
  LIMIT %(most)s::bigint
)
