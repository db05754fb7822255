-- PostgreSQL reads the condition of a trigger anew, as a text, in each statement that could fire it, and a
-- long one costs as much as two indexes. So conditions let past only what happens all the time; the functions
-- ask the rest.

-- Which state may follow which.
CREATE OR REPLACE FUNCTION omoi_task_states() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'completed') OR NEW.fence <> 0 THEN
      RAISE EXCEPTION 'a task is born pending, or completed by an import, not %', NEW.state
        USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state = NEW.state THEN
    RETURN NEW;
  END IF;
  IF (OLD.state, NEW.state) NOT IN (
    ('pending', 'claimed'),
    ('pending', 'cancelled'),
    ('claimed', 'pending'),
    ('claimed', 'completed'),
    ('claimed', 'failed'),
    ('claimed', 'cancelled'),
    ('failed', 'pending'),
    ('cancelled', 'pending')
  ) THEN
    RAISE EXCEPTION 'task %: % cannot become %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'claimed' AND NEW.fence <= OLD.fence THEN
    RAISE EXCEPTION 'task %: a claim needs a new fence', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER task_states ON tickets_task;
CREATE TRIGGER task_states
BEFORE UPDATE OF state ON tickets_task
FOR EACH ROW
WHEN (
  NOT CASE NEW.state
    WHEN 'claimed' THEN OLD.state = 'pending' AND NEW.fence > OLD.fence
    WHEN 'completed' THEN OLD.state = 'claimed'
    ELSE false
  END
)
EXECUTE FUNCTION omoi_task_states();

-- Whoever gives a task to a holder other than by a claim, or with an earlier time: it counts all the same. A
-- claim writes a time after its statement began, so this costs it nothing.
CREATE OR REPLACE FUNCTION omoi_held_since() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.holder_id, OLD.claimed_at) IS DISTINCT FROM (NEW.holder_id, NEW.claimed_at) THEN
    PERFORM FROM agents_agent WHERE id = NEW.holder_id FOR NO KEY UPDATE;
    INSERT INTO tickets_latestgrant (agent_id, oldest_held, replaces)
    SELECT NEW.holder_id, least(g.oldest_held, NEW.claimed_at), g.id
    FROM omoi_latest_grant(NEW.holder_id) g;
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER task_held_since ON tickets_task;
CREATE TRIGGER task_held_since
AFTER UPDATE OF holder_id, claimed_at ON tickets_task
FOR EACH ROW
WHEN (NEW.holder_id IS NOT NULL AND NEW.claimed_at < statement_timestamp())
EXECUTE FUNCTION omoi_held_since();

-- Only the trigger of a decision or a verdict writes its event.
DROP TRIGGER decision_writes_its_event ON agents_event;
DROP TRIGGER verdict_writes_its_event ON agents_event;
CREATE TRIGGER verdict_writes_its_event
BEFORE INSERT ON agents_event
FOR EACH ROW
WHEN (
  NEW.kind::text IN ('gate.judged', 'approval.given', 'approval.rejected', 'approval.changes_requested')
  AND pg_trigger_depth() = 0
)
EXECUTE FUNCTION omoi_verdict_writes_its_event();
ALTER TABLE agents_event ENABLE ALWAYS TRIGGER verdict_writes_its_event;
