-- A verdict that passed has every check of its gate: a bare row that says `passed` opens nothing.
CREATE FUNCTION omoi_verdict_is_whole() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT
    FROM tickets_ticket t
    JOIN tickets_workflow w ON w.id = t.workflow_id
    CROSS JOIN jsonb_array_elements(w.document->'phases') p
    CROSS JOIN jsonb_array_elements(coalesce(p->'gate', '[]')) g
    WHERE t.id = NEW.ticket_id
      AND p->>'name' = NEW.phase
      AND NOT EXISTS (
        SELECT
        FROM jsonb_array_elements(NEW.checks) c
        WHERE c @> g
          AND c->'passed' = 'true'
          AND c->'reasons' = '[]'
      )
  ) THEN
    RAISE EXCEPTION 'a verdict on % that passed lacks a check of its gate', NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER verdict_is_whole
BEFORE INSERT ON tickets_verdict
FOR EACH ROW
WHEN (NEW.passed)
EXECUTE FUNCTION omoi_verdict_is_whole();

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE tickets_verdict ENABLE ALWAYS TRIGGER verdict_is_whole;
ALTER TABLE tickets_verdict ENABLE ALWAYS TRIGGER verdict_never_changes;
ALTER TABLE tickets_artifact ENABLE ALWAYS TRIGGER artifact_never_changes;
ALTER TABLE tickets_blob ENABLE ALWAYS TRIGGER blob_never_changes;
ALTER TABLE tickets_chunk ENABLE ALWAYS TRIGGER chunk_never_changes;
