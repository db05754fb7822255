-- How these claims (task, fence) ended, as the journal of their tickets has it. `examined` bounds how far
-- back it is read.
SELECT
  t.id AS task,
  c.fence,
  e.kind,
  e.reason
FROM (
  SELECT
    unnest(%(ids)s::bigint[]) AS id,
    unnest(%(fences)s::bigint[]) AS fence
) c
JOIN tickets_task t ON t.id = c.id
CROSS JOIN LATERAL (
  SELECT
    latest.kind,
    latest.reason
  FROM (
    SELECT
      e.xid,
      e.id,
      e.subject,
      e.kind,
      e.reason,
      e.data
    FROM agents_event e
    WHERE e.topic = 'ticket:' || t.ticket_key
    ORDER BY
      e.xid DESC,
      e.id DESC
    LIMIT %(examined)s::bigint
  ) latest
  WHERE latest.subject = 'task:' || t.id
    AND latest.kind = ANY (%(kinds)s::varchar[])
    AND latest.data ->> 'fence' = c.fence::text
  ORDER BY
    latest.xid DESC,
    latest.id DESC
  LIMIT 1
) e
