-- The claims of a task that have ended, newest first, as the journal of its ticket has them. `examined`
-- bounds how far back it is read.
SELECT
  e.id AS place,
  e.at,
  e.topic,
  e.subject,
  e.kind,
  e.data,
  e.actor,
  left(e.reason, {quoted}) AS reason,
  '' AS title,
  '' AS phase
FROM (
  SELECT
    e.xid,
    e.id,
    e.at,
    e.topic,
    e.subject,
    e.kind,
    e.data,
    e.actor,
    e.reason
  FROM agents_event e
  WHERE e.topic = %(topic)s::text
  ORDER BY
    e.xid DESC,
    e.id DESC
  LIMIT {examined}
) e
WHERE e.subject = %(subject)s::text
  AND e.data ? 'held_s'
ORDER BY
  e.xid DESC,
  e.id DESC
LIMIT %(limit)s::int
