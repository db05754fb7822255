-- A NOTIFY makes commits queue behind a lock of the whole server. A follower that is awake looks by itself
-- many times a second, so only one that is asleep needs a NOTIFY. One row per connection that follows the
-- journal. Unlogged: it means nothing after a crash.
CREATE UNLOGGED TABLE agents_journal_follower (
  pid integer PRIMARY KEY,
  backend_start timestamptz NOT NULL,
  asleep boolean NOT NULL
);

-- The insert has given the transaction its number before this runs, and the row is read with a snapshot of
-- its own. So if the follower still seems awake, it falls asleep later, and then knows that this transaction
-- is open. A snapshot that is older than the statement proves nothing: then always notify.
CREATE OR REPLACE FUNCTION omoi_ring() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    PERFORM pg_notify('omoi_events', '');
  ELSIF EXISTS (SELECT FROM agents_journal_follower WHERE asleep) THEN
    PERFORM pg_notify('omoi_events', '');
  END IF;
  RETURN NULL;
END $$;
