-- Events of the tasks of a ticket, the latest first, from a certain one on.
SELECT
  e.id,
  e.xid,
  e.at,
  e.subject,
  e.kind,
  e.actor,
  e.reason
FROM agents_event e
WHERE e.topic = %(topic)s
  AND e.kind = ANY (%(kinds)s)
  {before}
ORDER BY
  e.xid DESC,
  e.id DESC
LIMIT {limit}
