-- The rows of a workflow version come from its document, in the database. A row that says something else,
-- such as a phase without the gate that its document has, would be a way past that gate.
CREATE FUNCTION omoi_phases_of(document jsonb)
RETURNS TABLE (name text, place int, moves_to text[], start boolean, gated boolean, automatic text)
LANGUAGE sql IMMUTABLE AS $$
  SELECT
    phase->>'name',
    (number - 1)::int,
    CASE WHEN phase ? 'to' THEN ARRAY(SELECT jsonb_array_elements_text(phase->'to')) END,
    phase->>'name' = coalesce(document->>'start', document->'phases'->0->>'name'),
    jsonb_array_length(coalesce(phase->'gate', '[]')) > 0,
    coalesce(phase->>'automatic', '')
  FROM jsonb_array_elements(document->'phases') WITH ORDINALITY phases(phase, number)
$$;

-- Rows that were stored otherwise say from now on what their document says.
ALTER TABLE tickets_workflowphase DISABLE TRIGGER workflow_phase_never_changes;

UPDATE tickets_workflowphase r
SET
  position = p.place,
  moves_to = p.moves_to,
  start = p.start,
  gated = p.gated,
  automatic = p.automatic
FROM tickets_workflow w
CROSS JOIN omoi_phases_of(w.document) p
WHERE w.id = r.workflow_id
  AND p.name = r.name
  AND (r.position, r.moves_to::text[], r.start, r.gated, r.automatic)
    IS DISTINCT FROM (p.place, p.moves_to, p.start, p.gated, p.automatic);

ALTER TABLE tickets_workflowphase ENABLE TRIGGER workflow_phase_never_changes;

CREATE FUNCTION omoi_phase_follows_its_document() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_workflow w
    CROSS JOIN omoi_phases_of(w.document) p
    WHERE w.id = NEW.workflow_id
      AND (p.name, p.place, p.moves_to, p.start, p.gated, p.automatic)
        = (NEW.name, NEW.position, NEW.moves_to::text[], NEW.start, NEW.gated, NEW.automatic)
  ) THEN
    RAISE EXCEPTION 'phase % of workflow % is not as its document says', NEW.name, NEW.workflow_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER phase_follows_its_document
BEFORE INSERT ON tickets_workflowphase
FOR EACH ROW EXECUTE FUNCTION omoi_phase_follows_its_document();

-- The application may not insert phases itself.
CREATE FUNCTION omoi_read_phases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NEW.name IS DISTINCT FROM NEW.document->>'name'
    OR NOT EXISTS (SELECT FROM omoi_phases_of(NEW.document) p WHERE p.start)
  THEN
    RAISE EXCEPTION 'the document of workflow % has another name, or no phase to start in', NEW.name
      USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO tickets_workflowphase (workflow_id, name, position, moves_to, start, gated, automatic)
  SELECT
    NEW.id,
    p.name,
    p.place,
    p.moves_to,
    p.start,
    p.gated,
    p.automatic
  FROM omoi_phases_of(NEW.document) p;
  RETURN NULL;
END $$;

CREATE TRIGGER workflow_has_its_phases
AFTER INSERT ON tickets_workflow
FOR EACH ROW EXECUTE FUNCTION omoi_read_phases();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_workflow ENABLE ALWAYS TRIGGER workflow_has_its_phases;
ALTER TABLE tickets_workflow ENABLE ALWAYS TRIGGER workflow_never_changes;
ALTER TABLE tickets_workflowphase ENABLE ALWAYS TRIGGER phase_follows_its_document;
ALTER TABLE tickets_workflowphase ENABLE ALWAYS TRIGGER workflow_phase_never_changes;
