-- The claims of a task that have ended, newest first, before an event of the task: by the index
-- event_of_claims.
SELECT
  e.number::text AS place,
  e.at,
  e.topic,
  e.subject,
  e.kind,
  e.data,
  e.actor,
  left(e.reason, {quoted}) AS reason,
  '' AS title,
  '' AS phase
FROM agents_event e
WHERE e.subject = %(subject)s::text
  AND e.data ? 'held_s'
  AND e.number < %(before)s::int
ORDER BY e.number DESC
LIMIT %(limit)s::int
