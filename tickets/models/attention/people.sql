-- The first people of each role in these projects, and the operators of the installation.
SELECT
  project_id,
  role,
  username
FROM (
  SELECT
    m.project_id,
    m.role,
    u.username,
    row_number() OVER (PARTITION BY m.project_id, m.role ORDER BY u.username) AS place
  FROM agents_member m
  JOIN auth_user u ON u.id = m.user_id
  WHERE m.project_id = ANY (%(projects)s::bigint[])
    AND u.is_active
) member
WHERE place <= %(most)s
UNION ALL (
  SELECT
    NULL,
    '',
    u.username
  FROM auth_user u
  WHERE u.is_superuser
    AND u.is_active
  ORDER BY u.username
  LIMIT %(most)s
)
ORDER BY
  project_id,
  role,
  username
