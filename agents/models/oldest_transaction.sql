-- The oldest open transaction, which holds the journal's history back.
SELECT *
FROM (
  SELECT
    'pid ' || a.pid AS who,
    coalesce(nullif(a.application_name, ''), 'no name') AS application,
    coalesce(a.datname, '') AS datname,
    a.backend_xid::text::bigint AS xid,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age
  FROM pg_stat_activity a
  WHERE a.backend_xid IS NOT NULL
    AND a.pid <> pg_backend_pid()
  UNION ALL
  SELECT
    'prepared transaction ' || x.gid,
    'two-phase commit',
    x.database,
    x.transaction::text::bigint,
    extract(epoch FROM clock_timestamp() - x.prepared)::float8
  FROM pg_prepared_xacts x
) t
ORDER BY age DESC NULLS LAST
LIMIT 1
