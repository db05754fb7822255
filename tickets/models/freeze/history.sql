-- The latest freezes and thaws of these projects (NULL: of all). An act writes an event for each project that
-- it concerns; of those the first `most` are looked at.
SELECT
  e.kind,
  min(e.at) AS at,
  e.actor,
  e.reason,
  bool_or((e.data ->> 'everything')::bool) AS everything,
  count(*) AS number,
  (array_agg(e.data ->> 'project' ORDER BY e.id))[1:%(named)s::int] AS names
FROM (
  SELECT
    e.xid,
    e.id,
    e.subject,
    e.kind,
    e.at,
    e.actor,
    e.reason,
    e.data
  FROM agents_event e
  WHERE e.kind IN ('project.frozen', 'project.thawed')
    AND (%(projects)s::bigint[] IS NULL OR e.project_id = ANY (%(projects)s::bigint[]))
  ORDER BY
    e.xid DESC,
    e.id DESC
  LIMIT %(most)s::bigint
) e
GROUP BY
  e.xid,
  e.subject,
  e.kind,
  e.actor,
  e.reason
ORDER BY max(e.id) DESC
LIMIT %(limit)s::bigint
