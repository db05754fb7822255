-- The latest acts on tickets: of those among the latest events that are looked at, the first `limit`.
-- Each has the title of its task, or of its discovery, if it has one; these are looked up one by one.
WITH latest AS MATERIALIZED (
  SELECT e.*
  FROM (
    {looked_at}
  ) e
  WHERE e.kind = ANY (%(kinds)s::varchar[])
    AND e.topic LIKE 'ticket:%%'
  ORDER BY
    e.xid DESC,
    e.id DESC
  LIMIT %(limit)s::bigint
)

SELECT
  e.id,
  e.at,
  e.topic,
  e.subject,
  e.kind,
  e.actor,
  e.reason,
  e.data,
  (
    SELECT t.title
    FROM tickets_task t
    WHERE t.id = CASE WHEN e.subject LIKE 'task:%%' THEN substr(e.subject, 6)::bigint END
  ) AS title,
  (
    SELECT d.title
    FROM tickets_discovery d
    WHERE d.id = CASE WHEN e.kind LIKE 'discovery.%%' THEN (e.data ->> 'discovery')::bigint END
  ) AS discovery
FROM latest e
ORDER BY
  e.xid DESC,
  e.id DESC
