-- A version of a phase's context never changes, and its numbers have no gap. A note is written once; it can
-- only be withdrawn, once.
CREATE FUNCTION omoi_phase_context_follows() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  newest int;
BEGIN
  SELECT coalesce(max(p.number), 0) INTO newest
  FROM tickets_phasecontext p
  WHERE p.ticket_id = NEW.ticket_id
    AND p.phase = NEW.phase;
  IF NEW.number <> newest + 1 THEN
    RAISE EXCEPTION 'version % of the context of % follows version %', NEW.number, NEW.phase, newest
      USING ERRCODE = 'check_violation';
  END IF;
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE TRIGGER phase_context_follows
BEFORE INSERT ON tickets_phasecontext
FOR EACH ROW EXECUTE FUNCTION omoi_phase_context_follows();

CREATE TRIGGER phase_context_never_changes
BEFORE UPDATE OR DELETE ON tickets_phasecontext
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE FUNCTION omoi_note_is_withdrawn_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.withdrawn_at IS NOT NULL
    OR NEW.withdrawn_at IS NULL
    OR (NEW.id, NEW.ticket_id, NEW.phase, NEW.kind, NEW.text, NEW."by", NEW.key, NEW.at)
      IS DISTINCT FROM (OLD.id, OLD.ticket_id, OLD.phase, OLD.kind, OLD.text, OLD."by", OLD.key, OLD.at)
    OR NEW.task_id IS DISTINCT FROM OLD.task_id
  THEN
    RAISE EXCEPTION 'note % never changes; it can be withdrawn once', OLD.id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER note_is_withdrawn_once
BEFORE UPDATE ON tickets_contextnote
FOR EACH ROW EXECUTE FUNCTION omoi_note_is_withdrawn_once();

CREATE TRIGGER note_is_never_deleted
BEFORE DELETE ON tickets_contextnote
FOR EACH ROW EXECUTE FUNCTION omoi_never();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_phasecontext ENABLE ALWAYS TRIGGER phase_context_follows;
ALTER TABLE tickets_phasecontext ENABLE ALWAYS TRIGGER phase_context_never_changes;
ALTER TABLE tickets_contextnote ENABLE ALWAYS TRIGGER note_is_withdrawn_once;
ALTER TABLE tickets_contextnote ENABLE ALWAYS TRIGGER note_is_never_deleted;
