-- The latest acts on tickets: of those among the latest events that are looked at, the first `limit`. Each
-- has the title of its task, or of its discovery, if it has one.
SELECT
  e.id,
  e.at,
  e.topic,
  e.subject,
  e.kind,
  e.actor,
  e.reason,
  e.data,
  t.title,
  d.title AS discovery
FROM (
  {looked_at}
) e
LEFT JOIN tickets_task t ON t.id = CASE WHEN e.subject LIKE 'task:%%' THEN substr(e.subject, 6)::bigint END
LEFT JOIN tickets_discovery d
  ON d.id = CASE WHEN e.kind LIKE 'discovery.%%' THEN (e.data ->> 'discovery')::bigint END
WHERE e.kind = ANY (%(kinds)s::varchar[])
  AND e.topic LIKE 'ticket:%%'
ORDER BY
  e.xid DESC,
  e.id DESC
LIMIT %(limit)s::bigint
