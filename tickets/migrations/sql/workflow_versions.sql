-- A ticket may go on under another version of its workflow: in the phase where it stands, with an event that
-- says so. No verdict given before holds after that, and no order of phases is walked around.
CREATE FUNCTION omoi_follows_a_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  stands text := OLD.phase;
BEGIN
  IF NEW.workflow_id IS NOT DISTINCT FROM OLD.workflow_id THEN
    NEW.workflow_changes := OLD.workflow_changes;
    RETURN NEW;
  END IF;
  NEW.workflow_changes := OLD.workflow_changes + 1;
  IF OLD.phase = 'BLOCKED' THEN
    stands := omoi_origin(OLD.id, OLD.moves + 1);
  END IF;
  IF NEW.phase IS DISTINCT FROM OLD.phase
    OR (SELECT w.name FROM tickets_workflow w WHERE w.id = NEW.workflow_id)
      IS DISTINCT FROM (SELECT w.name FROM tickets_workflow w WHERE w.id = OLD.workflow_id)
    -- what has ended keeps its version, and a new version ends nothing
    OR NOT EXISTS (
      SELECT
      FROM tickets_workflowphase here
      JOIN tickets_workflowphase there ON there.name = here.name
      WHERE here.workflow_id = OLD.workflow_id
        AND there.workflow_id = NEW.workflow_id
        AND here.name = stands
        AND here.moves_to <> '{}'
        AND there.moves_to <> '{}'
        -- a phase that was still to come has not become an earlier one, to which a ticket may simply go back
        AND NOT EXISTS (
          SELECT
          FROM tickets_workflowphase later
          JOIN tickets_workflowphase earlier ON earlier.name = later.name
          WHERE later.workflow_id = OLD.workflow_id
            AND earlier.workflow_id = NEW.workflow_id
            AND later.position > here.position
            AND earlier.position < there.position
        )
    )
  THEN
    RAISE EXCEPTION 'ticket % keeps its workflow version: the other one is no way on from %', OLD.key, stands
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER ticket_keeps_its_workflow ON tickets_ticket;
DROP FUNCTION omoi_keeps_its_workflow();

CREATE TRIGGER ticket_follows_a_version
BEFORE UPDATE OF workflow_id, workflow_changes ON tickets_ticket
FOR EACH ROW
WHEN ((OLD.workflow_id, OLD.workflow_changes) IS DISTINCT FROM (NEW.workflow_id, NEW.workflow_changes))
EXECUTE FUNCTION omoi_follows_a_version();

CREATE FUNCTION omoi_version_is_recorded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM agents_event e
    WHERE e.topic = 'ticket:' || NEW.key
      AND e.kind = 'ticket.workflow_changed'
      AND e.xid = pg_current_xact_id()
  ) THEN
    RAISE EXCEPTION 'ticket %: a change of its workflow version without an event', NEW.key
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER version_is_recorded
AFTER UPDATE OF workflow_id ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
WHEN (OLD.workflow_id IS DISTINCT FROM NEW.workflow_id)
EXECUTE FUNCTION omoi_version_is_recorded();

-- The version is a part of what a verdict is about. A ticket that keeps its own has the digest it had.
ALTER FUNCTION omoi_evidence(bigint, text) RENAME TO omoi_evidence_of_phase;

CREATE FUNCTION omoi_evidence(of_ticket bigint, of_phase text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN k.workflow_changes = 0 THEN omoi_evidence_of_phase(of_ticket, of_phase)
    ELSE encode(sha256(convert_to(
      omoi_evidence_of_phase(of_ticket, of_phase) || k.workflow_changes, 'UTF8'
    )), 'hex')
  END
  FROM tickets_ticket k
  WHERE k.id = of_ticket
$$;

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER ticket_follows_a_version;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER version_is_recorded;
