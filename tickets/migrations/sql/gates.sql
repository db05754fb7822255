-- What a verdict was given on: the newest artifacts of the ticket and the tasks of the phase. When one of
-- them changes, the verdict holds no more.
CREATE FUNCTION omoi_evidence(of_ticket bigint, of_phase text) RETURNS text
LANGUAGE sql STABLE
RETURN encode(sha256(convert_to(
  coalesce((
    SELECT jsonb_agg(jsonb_build_array(a.phase, a.name, a.type, a.blob_id) ORDER BY a.phase, a.name)::text
    FROM (
      SELECT DISTINCT ON (phase, name) phase, name, type, blob_id
      FROM tickets_artifact
      WHERE ticket_id = of_ticket
      ORDER BY phase, name, revision DESC
    ) a
  ), '[]')
  || coalesce((
    SELECT jsonb_agg(jsonb_build_array(t.id, t.state) ORDER BY t.id)::text
    FROM tickets_task t
    WHERE t.ticket_id = of_ticket
      AND t.phase = of_phase
  ), '[]'),
  'UTF8')), 'hex');

CREATE TRIGGER artifact_never_changes
BEFORE UPDATE OR DELETE ON tickets_artifact
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER blob_never_changes
BEFORE UPDATE OR DELETE ON tickets_blob
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER chunk_never_changes
BEFORE UPDATE OR DELETE ON tickets_chunk
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER verdict_never_changes
BEFORE UPDATE OR DELETE ON tickets_verdict
FOR EACH ROW EXECUTE FUNCTION omoi_never();

-- The guard of phases, which now knows the ground `verdict`.
CREATE OR REPLACE FUNCTION omoi_phase_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  told tickets_phasemove;
  here tickets_workflowphase;
  there tickets_workflowphase;
  origin tickets_workflowphase;
  was text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.phase END;
  allowed boolean;
BEGIN
  SELECT * INTO told
  FROM tickets_phasemove h
  WHERE h.ticket_id = NEW.id
    AND h.move = NEW.moves
    AND h.from_phase IS NOT DISTINCT FROM was
    AND h.to_phase = NEW.phase
    AND h.xid = pg_current_xact_id();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket %: % to % without a history row of its own',
      NEW.key, coalesce(was, '(birth)'), NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT * INTO here
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = was;
  SELECT * INTO there
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = NEW.phase;
  SELECT * INTO origin
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = omoi_origin(NEW.id, NEW.moves);
  allowed := CASE told.ground
    WHEN 'born' THEN
      was IS NULL
      AND there.start
    WHEN 'imported' THEN
      was IS NULL
      AND there.id IS NOT NULL
      AND told."by" <> ''
      AND told.reason <> ''
    WHEN 'forced' THEN
      there.id IS NOT NULL
      AND told."by" <> ''
      AND length(btrim(told.reason)) >= 10
      AND (was IS NULL OR was = 'BLOCKED' OR here.id IS NOT NULL AND here.moves_to <> '{}')
    WHEN 'ungated' THEN
      NOT here.gated
      AND there.position > here.position
      AND there.name = ANY (here.moves_to)
    WHEN 'verdict' THEN
      here.gated
      AND there.position > here.position
      AND there.name = ANY (here.moves_to)
      AND EXISTS (
        SELECT
        FROM tickets_verdict v
        WHERE v.id = told.verdict_id
          AND v.ticket_id = NEW.id
          AND v.phase = was
          AND v.move = NEW.moves - 1
          AND v.passed
          AND v.evidence = omoi_evidence(NEW.id, was)
      )
    WHEN 'back' THEN
      there.position < here.position
      AND here.moves_to <> '{}'
    WHEN 'blocked' THEN
      NEW.phase = 'BLOCKED'
      AND here.id IS NOT NULL
      AND here.moves_to <> '{}'
    WHEN 'unblocked' THEN
      was = 'BLOCKED'
      AND there.position <= origin.position
    WHEN 'cancelled' THEN
      NEW.phase = 'CANCELLED'
      AND (was = 'BLOCKED' OR here.id IS NOT NULL AND here.moves_to <> '{}')
    WHEN 'reopened' THEN
      was = 'CANCELLED'
      AND there.position <= origin.position
    ELSE false
  END;
  IF allowed IS NOT TRUE THEN
    RAISE EXCEPTION 'ticket %: % is no ground to go from % to %',
      NEW.key, told.ground, coalesce(was, '(birth)'), NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
