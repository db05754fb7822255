INSERT INTO agents_journal_follower (pid, backend_start, asleep)
SELECT
  pid,
  backend_start,
  %(asleep)s::boolean
FROM pg_stat_activity
WHERE pid = pg_backend_pid()
ON CONFLICT (pid) DO UPDATE
SET
  backend_start = excluded.backend_start,
  asleep = excluded.asleep
