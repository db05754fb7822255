-- What was found never changes; it is decided once, and the decision stays.
CREATE FUNCTION omoi_discovery_stays() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  decision text[] := ARRAY['state', 'made_task_id', 'made_ticket_id', 'decided_by', 'decided_at', 'reason'];
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'discovery %: a discovery is never removed', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> 'open' THEN
    RAISE EXCEPTION 'discovery %: it has been decided', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  IF to_jsonb(OLD) - decision IS DISTINCT FROM to_jsonb(NEW) - decision THEN
    RAISE EXCEPTION 'discovery %: what was found never changes', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER discovery_stays
BEFORE UPDATE OR DELETE ON tickets_discovery
FOR EACH ROW EXECUTE FUNCTION omoi_discovery_stays();

-- A failed validation stays as it was. Only a retry of its task changes it, and only once: then it counts no
-- longer.
CREATE FUNCTION omoi_validation_stays() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.counted AND NOT NEW.counted
      AND to_jsonb(OLD) - 'counted' = to_jsonb(NEW) - 'counted'
    THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'validation %: a failed validation never changes', OLD.id
    USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER validation_stays
BEFORE UPDATE OR DELETE ON tickets_validation
FOR EACH ROW EXECUTE FUNCTION omoi_validation_stays();
