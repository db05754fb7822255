-- Events of a ticket's tasks and of its workflow, the latest first, from a certain one on.
SELECT
  e.id,
  e.xid,
  e.at,
  e.subject,
  e.kind,
  e.actor,
  e.reason,
  e.data
FROM agents_event e
WHERE e.topic = %(topic)s
  AND e.kind = ANY (%(kinds)s)
  {before}
ORDER BY
  e.xid DESC,
  e.id DESC
LIMIT {limit}
