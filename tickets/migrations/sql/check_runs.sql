-- What a check found that ran in a worker is evidence too, beside what was submitted and decided. It is
-- nothing that approvals are about: an answer that arrives voids none. A phase without such answers has the
-- digest it had.
ALTER FUNCTION omoi_evidence(bigint, text) RENAME TO omoi_submitted_and_decided;

CREATE FUNCTION omoi_evidence(of_ticket bigint, of_phase text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (
      SELECT encode(sha256(convert_to(
        omoi_submitted_and_decided(of_ticket, of_phase) || jsonb_agg(r.id ORDER BY r.id)::text,
        'UTF8')), 'hex')
      FROM tickets_checkrun r
      WHERE r.ticket_id = of_ticket
        AND r.phase = of_phase
        AND r.answered_at IS NOT NULL
      HAVING count(*) > 0
    ),
    omoi_submitted_and_decided(of_ticket, of_phase)
  )
$$;

-- A run is asked for without an answer. It is answered once, and never changes afterwards.
CREATE FUNCTION omoi_check_run_is_answered_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.answered_at IS NOT NULL OR NEW.reasons IS NOT NULL THEN
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
  THEN
    RAISE EXCEPTION 'run % of % never changes', OLD.id, OLD.entry->>'check'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER check_run_is_answered_once
BEFORE INSERT OR UPDATE ON tickets_checkrun
FOR EACH ROW EXECUTE FUNCTION omoi_check_run_is_answered_once();

CREATE TRIGGER check_run_is_never_deleted
BEFORE DELETE ON tickets_checkrun
FOR EACH ROW EXECUTE FUNCTION omoi_never();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_checkrun ENABLE ALWAYS TRIGGER check_run_is_answered_once;
ALTER TABLE tickets_checkrun ENABLE ALWAYS TRIGGER check_run_is_never_deleted;
