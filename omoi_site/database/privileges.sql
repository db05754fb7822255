-- The statements that give the application's role what it should have and take from it, and from everybody,
-- what it should not. One a row; no row where all is as it should be. Only what the owner may give is told.
WITH who AS (
  SELECT
    o.oid AS owner,
    a.oid AS application
  FROM pg_roles o, pg_roles a
  WHERE o.rolname = %(owner)s::text
    AND a.rolname = %(application)s::text
),
grantee AS (
  SELECT
    0::oid AS oid,
    'PUBLIC' AS name
  UNION ALL
  SELECT
    application,
    quote_ident(%(application)s::text)
  FROM who
),
room AS (
  SELECT n.*
  FROM pg_namespace n
  WHERE n.nspname IN (current_schema(), 'dramatiq')
),
-- what there is to hold, with what is held now
object AS (
  SELECT
    CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
    format('%%I.%%I', n.nspname, c.relname) AS name,
    c.relowner AS owner,
    coalesce(
      c.relacl,
      acldefault(CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
    ) AS acl,
    CASE
      WHEN c.relkind = 'S' THEN ARRAY['USAGE', 'SELECT']
      ELSE ARRAY(
        SELECT jsonb_array_elements_text(coalesce(
          %(restricted)s::jsonb -> c.relname,
          '["SELECT", "INSERT", "UPDATE", "DELETE"]'
        ))
        UNION ALL
        SELECT 'MAINTAIN'
        WHERE current_setting('server_version_num')::int >= 170000
      )
    END AS wanted
  FROM pg_class c
  JOIN room n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
  UNION ALL
  SELECT
    'FUNCTION',
    format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
    p.proowner,
    coalesce(p.proacl, acldefault('f', p.proowner)),
    CASE WHEN p.proname = ANY (%(functions)s::text[]) THEN ARRAY['EXECUTE'] ELSE ARRAY[]::text[] END
  FROM pg_proc p
  JOIN room n ON n.oid = p.pronamespace
  WHERE p.prokind = 'f'
  UNION ALL
  SELECT
    'SCHEMA',
    quote_ident(n.nspname),
    n.nspowner,
    coalesce(n.nspacl, acldefault('n', n.nspowner)),
    ARRAY['USAGE']
  FROM room n
  UNION ALL
  SELECT
    'DATABASE',
    quote_ident(d.datname),
    d.datdba,
    coalesce(d.datacl, acldefault('d', d.datdba)),
    ARRAY['CONNECT']
  FROM pg_database d
  WHERE d.datname = current_database()
),
may_be_given AS (
  SELECT object.*
  FROM object, who
  WHERE pg_has_role(who.owner, object.owner, 'USAGE')
),
held AS (
  SELECT
    o.kind,
    o.name,
    g.name AS grantee,
    x.privilege_type AS privilege
  FROM may_be_given o
  CROSS JOIN LATERAL aclexplode(o.acl) x
  JOIN grantee g ON g.oid = x.grantee
  UNION ALL
  SELECT
    'TABLE',
    format('%%I.%%I', n.nspname, c.relname),
    g.name,
    format('%%s (%%I)', x.privilege_type, a.attname)
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN room n ON n.oid = c.relnamespace
  CROSS JOIN who
  CROSS JOIN LATERAL aclexplode(a.attacl) x
  JOIN grantee g ON g.oid = x.grantee
  WHERE pg_has_role(who.owner, c.relowner, 'USAGE')
),
wanted AS (
  SELECT
    o.kind,
    o.name,
    quote_ident(%(application)s::text) AS grantee,
    unnest(o.wanted) AS privilege
  FROM may_be_given o
),
surplus AS (
  SELECT *
  FROM held
  -- as every database has them, and harmless
  WHERE NOT (grantee = 'PUBLIC' AND (kind, privilege) IN (('SCHEMA', 'USAGE'), ('DATABASE', 'CONNECT')))
  EXCEPT
  SELECT *
  FROM wanted
)
SELECT
  format('REVOKE %%s ON %%s %%s FROM %%s', string_agg(privilege, ', '), kind, name, grantee) AS statement,
  1 AS turn -- before the grants: it takes those on columns too
FROM surplus
GROUP BY kind, name, grantee
UNION ALL
SELECT
  format('GRANT %%s ON %%s %%s TO %%s', string_agg(privilege, ', '), kind, name, grantee),
  2
FROM (
  SELECT *
  FROM wanted
  EXCEPT
  SELECT *
  FROM held
) missing
GROUP BY kind, name, grantee
UNION ALL
-- functions still to come
SELECT
  format('ALTER DEFAULT PRIVILEGES FOR ROLE %%I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', %(owner)s::text),
  3
FROM who
WHERE NOT EXISTS (
  SELECT
  FROM pg_default_acl d
  WHERE d.defaclrole = who.owner
    AND d.defaclnamespace = 0
    AND d.defaclobjtype = 'f'
)
ORDER BY turn, statement
