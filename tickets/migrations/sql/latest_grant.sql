-- The newest grant of an agent that the caller has locked, by a snapshot of this moment: the function is
-- volatile, so its query sees what was committed while the calling statement waited for the lock. An old
-- snapshot keeps all old rows, so only one way to read them is allowed: the index backwards, which finds the
-- newest first.
CREATE FUNCTION omoi_latest_grant(agent bigint) RETURNS tickets_latestgrant
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  newest tickets_latestgrant;
BEGIN
  SELECT * INTO newest
  FROM tickets_latestgrant g
  WHERE g.agent_id = agent
  ORDER BY g.id DESC
  LIMIT 1;
  RETURN newest;
END $$;

CREATE FUNCTION omoi_replace_grant() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  DELETE FROM tickets_latestgrant WHERE id = NEW.replaces;
  RETURN NULL;
END $$;

CREATE TRIGGER latest_grant_replaces
AFTER INSERT ON tickets_latestgrant
FOR EACH ROW
WHEN (NEW.replaces IS NOT NULL)
EXECUTE FUNCTION omoi_replace_grant();

-- Whoever gives a task to a holder other than by a claim, or with an earlier time: it counts all the same. A
-- claim writes a time after its statement began, so this costs it nothing.
CREATE FUNCTION omoi_held_since() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM agents_agent WHERE id = NEW.holder_id FOR NO KEY UPDATE;
  INSERT INTO tickets_latestgrant (agent_id, oldest_held, replaces)
  SELECT NEW.holder_id, least(g.oldest_held, NEW.claimed_at), g.id
  FROM omoi_latest_grant(NEW.holder_id) g;
  RETURN NULL;
END $$;

CREATE TRIGGER task_held_since
AFTER UPDATE OF holder_id, claimed_at ON tickets_task
FOR EACH ROW
WHEN (
  NEW.holder_id IS NOT NULL
  AND NEW.claimed_at < statement_timestamp()
  AND (OLD.holder_id, OLD.claimed_at) IS DISTINCT FROM (NEW.holder_id, NEW.claimed_at)
)
EXECUTE FUNCTION omoi_held_since();

ALTER TABLE tickets_latestgrant SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
