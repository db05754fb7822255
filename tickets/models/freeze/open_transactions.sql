-- The transactions of this database that are open, without the autovacuum (which has no user). Each holds the
-- lock of its own number from its begin on, before it has a snapshot and whether or not it writes.
SELECT l.virtualtransaction AS number
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'virtualxid'
  AND l.virtualxid = l.virtualtransaction
  AND l.granted
  AND l.pid <> pg_backend_pid()
  AND a.datname = current_database()
  AND a.usesysid IS NOT NULL
