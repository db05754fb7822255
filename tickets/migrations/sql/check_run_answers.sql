-- The answer of a run comes whole, from the worker that took it, and with its event. A review has no answer
-- here: it is the result of its task. Tries only grow: they are the fence of the workers.
CREATE OR REPLACE FUNCTION omoi_check_run_is_answered_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.answered_at IS NOT NULL OR NEW.reasons IS NOT NULL OR NEW.started_at IS NOT NULL THEN
      RAISE EXCEPTION 'a run of % begins without an answer', NEW.entry->>'check'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF OLD.answered_at IS NOT NULL
    OR (NEW.ticket_id, NEW.phase, NEW.move, NEW.entry, NEW.seen, NEW.asked_by, NEW.asked_at)
      IS DISTINCT FROM (OLD.ticket_id, OLD.phase, OLD.move, OLD.entry, OLD.seen, OLD.asked_by, OLD.asked_at)
    OR NEW.task_id IS DISTINCT FROM OLD.task_id
    OR NEW.tries < OLD.tries
  THEN
    RAISE EXCEPTION 'run % of % never changes', OLD.id, OLD.entry->>'check'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.answered_at IS NOT NULL OR NEW.reasons IS NOT NULL THEN
    IF NEW.answered_at IS NULL
      OR jsonb_typeof(NEW.reasons) IS DISTINCT FROM 'array'
      OR NEW.task_id IS NOT NULL
      OR OLD.started_at IS NULL
      OR (NEW.worker, NEW.tries, NEW.started_at) IS DISTINCT FROM (OLD.worker, OLD.tries, OLD.started_at)
    THEN
      RAISE EXCEPTION 'run % of % is answered whole, by the worker that took it', OLD.id, OLD.entry->>'check'
        USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.answered_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION omoi_answer_is_recorded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_ticket t
    JOIN agents_event e ON e.topic = 'ticket:' || t.key
    WHERE t.id = NEW.ticket_id
      AND e.kind = 'gate.check_answered'
      AND e.xid = pg_current_xact_id()
      AND e.data->>'run' = NEW.id::text
  ) THEN
    RAISE EXCEPTION 'run % of % has an answer without an event', NEW.id, NEW.entry->>'check'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER answer_is_recorded
AFTER UPDATE ON tickets_checkrun
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
WHEN (NEW.answered_at IS NOT NULL)
EXECUTE FUNCTION omoi_answer_is_recorded();

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE tickets_checkrun ENABLE ALWAYS TRIGGER answer_is_recorded;
