-- One statement for all open sockets and long polls: who is still signed in, which of their topics they may
-- still follow (by the rule of `seen_by`), and which keys of waiting clients are still valid.
WITH viewer AS MATERIALIZED (
  SELECT v.session, u.id, u.is_superuser
  FROM unnest(%(sessions)s::text[], %(users)s::int[], %(passwords)s::text[]) v(session, id, password)
  JOIN django_session s
    ON s.session_key = v.session
    AND s.expire_date > clock_timestamp()
  JOIN auth_user u
    ON u.id = v.id
    AND u.is_active
    AND encode(sha256(convert_to(u.password, 'UTF8')), 'hex') = v.password
),

person AS (
  SELECT DISTINCT id, is_superuser
  FROM viewer
),

followed AS (
  SELECT *
  FROM unnest(%(followers)s::int[], %(kinds)s::text[], %(names)s::text[]) f(id, kind, name)
)

SELECT 'session' AS kind, id, session AS name
FROM viewer

UNION ALL
SELECT 'project', person.id, followed.name
FROM followed
JOIN person USING (id)
JOIN agents_project p ON p.key = followed.name
WHERE followed.kind = 'project'
  AND (
    is_superuser
    OR EXISTS (
      SELECT
      FROM agents_member m
      WHERE m.project_id = p.id
        AND m.user_id = person.id
    )
  )

UNION ALL
SELECT 'agent', person.id, followed.name
FROM followed
JOIN person USING (id)
JOIN agents_agent g ON g.name = followed.name
WHERE followed.kind = 'agent'
  AND (
    is_superuser
    OR g.owner_id = person.id
    OR EXISTS (
      SELECT
      FROM agents_agent_projects ap
      JOIN agents_member m USING (project_id)
      WHERE ap.agent_id = g.id
        AND m.user_id = person.id
    )
  )

UNION ALL
SELECT 'key', 0, key.prefix
FROM agents_key key
LEFT JOIN auth_user u ON u.id = key.user_id
WHERE key.prefix = ANY (%(prefixes)s::text[])
  AND {live}
  AND coalesce(u.is_active, true)
