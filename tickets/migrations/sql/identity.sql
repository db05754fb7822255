-- History, verdicts and artifacts belong to the id of a ticket, and people know it by its key. Two tickets
-- that exchanged their ids would exchange their past: one could come out of BLOCKED in a later phase, because
-- the other was there.
CREATE FUNCTION omoi_keeps_its_identity() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ticket % keeps its id, its project, its number and its key', OLD.key
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ticket_keeps_its_identity
BEFORE UPDATE OF id, project_id, number, key ON tickets_ticket
FOR EACH ROW
WHEN (
  (OLD.id, OLD.project_id, OLD.number, OLD.key)
  IS DISTINCT FROM (NEW.id, NEW.project_id, NEW.number, NEW.key)
)
EXECUTE FUNCTION omoi_keeps_its_identity();

-- Only the trigger of the verdict writes its event.
CREATE FUNCTION omoi_verdict_writes_its_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an event % is written only with its verdict', NEW.kind
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER verdict_writes_its_event
BEFORE INSERT ON agents_event
FOR EACH ROW
WHEN (NEW.kind = 'gate.judged' AND pg_trigger_depth() = 0)
EXECUTE FUNCTION omoi_verdict_writes_its_event();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER ticket_keeps_its_identity;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER ticket_keeps_its_workflow;
ALTER TABLE agents_event ENABLE ALWAYS TRIGGER verdict_writes_its_event;
