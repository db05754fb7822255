-- A phase may limit how many tickets of a project stand in it (`wip`). Its row says so, as its document does.
DROP FUNCTION omoi_phases_of(jsonb);

CREATE FUNCTION omoi_phases_of(document jsonb)
RETURNS TABLE (
  name text,
  place int,
  moves_to text[],
  start boolean,
  gated boolean,
  automatic text,
  approvals jsonb,
  wip jsonb
)
LANGUAGE sql IMMUTABLE AS $$
  SELECT
    phase->>'name',
    (number - 1)::int,
    CASE WHEN phase ? 'to' THEN ARRAY(SELECT jsonb_array_elements_text(phase->'to')) END,
    phase->>'name' = coalesce(document->>'start', document->'phases'->0->>'name'),
    jsonb_array_length(coalesce(phase->'gate', '[]')) > 0 OR phase ? 'approvals',
    coalesce(phase->>'automatic', ''),
    phase->'approvals',
    phase->'wip'
  FROM jsonb_array_elements(document->'phases') WITH ORDINALITY phases(phase, number)
$$;

CREATE OR REPLACE FUNCTION omoi_phase_follows_its_document() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_workflow w
    CROSS JOIN omoi_phases_of(w.document) p
    WHERE w.id = NEW.workflow_id
      AND (p.name, p.place, p.moves_to, p.start, p.gated, p.automatic)
        = (NEW.name, NEW.position, NEW.moves_to::text[], NEW.start, NEW.gated, NEW.automatic)
      AND p.approvals IS NOT DISTINCT FROM NEW.approvals
      AND p.wip IS NOT DISTINCT FROM NEW.wip
  ) THEN
    RAISE EXCEPTION 'phase % of workflow % is not as its document says', NEW.name, NEW.workflow_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION omoi_read_phases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NEW.name IS DISTINCT FROM NEW.document->>'name'
    OR NOT EXISTS (SELECT FROM omoi_phases_of(NEW.document) p WHERE p.start)
  THEN
    RAISE EXCEPTION 'the document of workflow % has another name, or no phase to start in', NEW.name
      USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO tickets_workflowphase (
    workflow_id, name, position, moves_to, start, gated, automatic, approvals, wip
  )
  SELECT
    NEW.id,
    p.name,
    p.place,
    p.moves_to,
    p.start,
    p.gated,
    p.automatic,
    p.approvals,
    p.wip
  FROM omoi_phases_of(NEW.document) p;
  RETURN NULL;
END $$;

-- How many tickets of the project stand in a phase of this workflow, in whichever version; counted up to
-- `most`.
CREATE FUNCTION omoi_standing(in_project bigint, of_workflow bigint, in_phase text, most int) RETURNS int
LANGUAGE sql STABLE
RETURN (
  SELECT count(*)::int
  FROM (
    SELECT
    FROM tickets_ticket k
    WHERE k.project_id = in_project
      AND k.phase = in_phase
      AND k.archived_at IS NULL
      AND k.workflow_id = ANY (ARRAY(
        SELECT v.id
        FROM tickets_workflow w
        JOIN tickets_workflow v ON v.name = w.name
        WHERE w.id = of_workflow
      ))
    LIMIT most
  ) k
);

-- Whether as many tickets stand in the phase as its `wip` allows; false without one.
CREATE FUNCTION omoi_full(in_project bigint, of_workflow bigint, in_phase text, wip jsonb) RETURNS boolean
LANGUAGE sql STABLE
RETURN CASE
  WHEN wip IS NULL THEN false
  ELSE omoi_standing(in_project, of_workflow, in_phase, (wip->>'limit')::int) >= (wip->>'limit')::int
END;

-- No move takes a ticket into a phase that is full, unless its history row says that a person did so on
-- purpose. It looks when the transaction is about to end, so that the lock of the project (GUARD_LOCK of the
-- claim) is held only for a moment: who holds it waits for no row. Whoever comes second tries again, and is
-- then told, or waits.
CREATE FUNCTION omoi_wip_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  most int;
BEGIN
  SELECT (p.wip->>'limit')::int INTO most
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = NEW.phase;
  IF most IS NULL OR EXISTS (
    SELECT
    FROM tickets_phasemove h
    WHERE h.ticket_id = NEW.id
      AND h.move = NEW.moves
      AND (h.past_limit OR h.ground IN ('born', 'imported'))
  ) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(1002, NEW.project_id::int);
  IF EXISTS (
    SELECT
    FROM tickets_ticket k
    WHERE k.id = NEW.id
      AND (k.phase, k.moves) = (NEW.phase, NEW.moves)
      AND k.archived_at IS NULL
  )
  AND omoi_standing(NEW.project_id, NEW.workflow_id, NEW.phase, most + 1) > most THEN
    RAISE EXCEPTION 'ticket %: % is full, with % tickets', NEW.key, NEW.phase, most
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER wip_guard
AFTER UPDATE ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
WHEN (OLD.phase IS DISTINCT FROM NEW.phase OR OLD.archived_at IS NOT NULL AND NEW.archived_at IS NULL)
EXECUTE FUNCTION omoi_wip_guard();

CREATE CONSTRAINT TRIGGER wip_birth_guard
AFTER INSERT ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION omoi_wip_guard();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER wip_guard;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER wip_birth_guard;
