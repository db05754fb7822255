-- No ticket changes its phase without a history row of the same transaction that names its ground. Order and
-- moves are read from the rows of the workflow version; the way back out of BLOCKED and CANCELLED from the
-- history row that led in.
CREATE FUNCTION omoi_count_moves() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.moves := 0;
    NEW.previous_phase := '';
  ELSIF NEW.phase IS DISTINCT FROM OLD.phase THEN
    NEW.moves := OLD.moves + 1;
    NEW.previous_phase := OLD.phase;
    NEW.phase_since := clock_timestamp();
  ELSE
    NEW.moves := OLD.moves;
    NEW.previous_phase := OLD.previous_phase;
    NEW.phase_since := OLD.phase_since;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER ticket_moves
BEFORE INSERT OR UPDATE ON tickets_ticket
FOR EACH ROW EXECUTE FUNCTION omoi_count_moves();

CREATE FUNCTION omoi_history_stamp() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.xid := pg_current_xact_id();
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE TRIGGER history_stamp
BEFORE INSERT ON tickets_phasemove
FOR EACH ROW EXECUTE FUNCTION omoi_history_stamp();

CREATE TRIGGER history_only_grows
BEFORE UPDATE OR DELETE ON tickets_phasemove
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER history_is_never_emptied
BEFORE TRUNCATE ON tickets_phasemove
FOR EACH STATEMENT EXECUTE FUNCTION omoi_never();

-- Where a ticket was before it was last blocked or cancelled, by its history up to `before_move`.
CREATE FUNCTION omoi_origin(of_ticket bigint, before_move int) RETURNS text
LANGUAGE sql STABLE
RETURN (
  SELECT h.to_phase
  FROM tickets_phasemove h
  WHERE h.ticket_id = of_ticket
    AND h.move < before_move
    AND h.to_phase NOT IN ('BLOCKED', 'CANCELLED')
  ORDER BY h.move DESC
  LIMIT 1
);

CREATE FUNCTION omoi_phase_guard() RETURNS trigger
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

CREATE CONSTRAINT TRIGGER phase_guard
AFTER UPDATE ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
WHEN (OLD.phase IS DISTINCT FROM NEW.phase)
EXECUTE FUNCTION omoi_phase_guard();

CREATE CONSTRAINT TRIGGER birth_guard
AFTER INSERT ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION omoi_phase_guard();

-- A history row without its move would stand in the way of the next one.
CREATE FUNCTION omoi_history_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_ticket t
    WHERE t.id = NEW.ticket_id
      AND t.moves >= NEW.move
  ) THEN
    RAISE EXCEPTION 'history row % of ticket % has no move', NEW.move, NEW.ticket_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER history_guard
AFTER INSERT ON tickets_phasemove
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION omoi_history_guard();

-- A workflow version never changes, and a ticket keeps the one it began with: either change would be a way
-- around the order of phases.
CREATE TRIGGER workflow_never_changes
BEFORE UPDATE OR DELETE ON tickets_workflow
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER workflow_phase_never_changes
BEFORE UPDATE OR DELETE ON tickets_workflowphase
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER workflow_phases_are_never_emptied
BEFORE TRUNCATE ON tickets_workflowphase
FOR EACH STATEMENT EXECUTE FUNCTION omoi_never();

CREATE FUNCTION omoi_workflow_is_whole() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM tickets_ticket t WHERE t.workflow_id = NEW.workflow_id) THEN
    RAISE EXCEPTION 'tickets stand on workflow %: it takes no more phases', NEW.workflow_id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER workflow_is_whole
BEFORE INSERT ON tickets_workflowphase
FOR EACH ROW EXECUTE FUNCTION omoi_workflow_is_whole();

CREATE FUNCTION omoi_keeps_its_workflow() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ticket % keeps the workflow version it was born with', OLD.key
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ticket_keeps_its_workflow
BEFORE UPDATE OF workflow_id ON tickets_ticket
FOR EACH ROW
WHEN (OLD.workflow_id IS DISTINCT FROM NEW.workflow_id)
EXECUTE FUNCTION omoi_keeps_its_workflow();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER ticket_moves;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER phase_guard;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER birth_guard;
ALTER TABLE tickets_phasemove ENABLE ALWAYS TRIGGER history_stamp;
ALTER TABLE tickets_phasemove ENABLE ALWAYS TRIGGER history_only_grows;
ALTER TABLE tickets_phasemove ENABLE ALWAYS TRIGGER history_is_never_emptied;
ALTER TABLE tickets_phasemove ENABLE ALWAYS TRIGGER history_guard;
