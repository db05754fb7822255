-- How the latest claims of an agent ended, newest first, since a person last made it available.
SELECT
  e.subject,
  e.topic,
  e.kind AS outcome,
  e.data ->> 'kind' AS kind
FROM agents_event e
WHERE {of_holder}
  AND (e.xid, e.id) > coalesce(
    (
      SELECT ROW (v.xid, v.id)
      FROM agents_event v
      WHERE v.topic = %(holder)s::text
        AND v.kind = 'agent.made_available'
        AND v.actor NOT LIKE 'agent:%%'
      ORDER BY
        v.xid DESC,
        v.id DESC
      LIMIT 1
    ),
    ROW ('0'::xid8, 0::bigint)
  )
ORDER BY
  e.xid DESC,
  e.id DESC
LIMIT {examined}
