-- What the role of this session may do to the tables, the schemas and the database, itself or in the role of
-- another.
WITH tables AS (
  SELECT c.relowner
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p')
    AND n.nspname IN (current_schema(), 'dramatiq')
)
SELECT
  current_user::text AS application,
  current_schema()::text AS schema,
  (
    SELECT tableowner::text
    FROM pg_tables
    WHERE schemaname = current_schema()
      AND tablename = 'django_migrations'
  ) AS owner,
  (SELECT count(*) FROM tables) AS tables,
  (
    SELECT count(*)
    FROM tables
    WHERE pg_has_role(current_user, relowner, 'MEMBER')
  ) AS owned,
  (
    SELECT rolsuper OR rolbypassrls
    FROM pg_roles
    WHERE rolname = current_user
  ) AS unbound,
  array_remove(ARRAY[
    CASE
      WHEN has_schema_privilege(current_schema(), 'CREATE')
      THEN 'tables in the schema ' || current_schema()
    END,
    CASE
      WHEN has_database_privilege(current_database(), 'TEMPORARY')
      THEN 'temporary tables'
    END,
    CASE
      WHEN has_database_privilege(current_database(), 'CREATE')
      THEN 'schemas'
    END
  ], NULL) AS creates,
  -- an owner can grant itself again what was revoked
  array_remove(ARRAY[
    (
      SELECT 'database'
      FROM pg_database
      WHERE datname = current_database()
        AND pg_has_role(current_user, datdba, 'MEMBER')
    ),
    (
      SELECT 'schema'
      FROM pg_namespace
      WHERE nspname = current_schema()
        AND pg_get_userbyid(nspowner) <> 'pg_database_owner'
        AND pg_has_role(current_user, nspowner, 'MEMBER')
    )
  ], NULL) AS holds,
  ARRAY(
    SELECT rolname::text
    FROM pg_roles
    WHERE rolname <> current_user
      AND pg_has_role(current_user, oid, 'MEMBER')
      AND (
        rolsuper
        OR rolname IN (
          'pg_write_all_data',
          'pg_read_server_files',
          'pg_write_server_files',
          'pg_execute_server_program'
        )
      )
    ORDER BY rolname
  ) AS member
