-- A role may not see when the sessions of others began: such a session may be the follower's.
DELETE FROM agents_journal_follower f
WHERE NOT EXISTS (
  SELECT
  FROM pg_stat_activity a
  WHERE a.pid = f.pid
    AND (a.backend_start IS NULL OR a.backend_start = f.backend_start)
)
