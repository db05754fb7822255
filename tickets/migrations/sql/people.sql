-- A claim without a lease never ends by itself, so only a person holds one. The trigger that looks after the
-- lease asks that too: each condition of a trigger costs every change of a task something.
CREATE OR REPLACE FUNCTION omoi_lease_look() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.lease_look_at := NEW.lease_expires_at;
  IF NEW.lease_expires_at IS NULL AND NEW.holder_id IS NOT NULL THEN
    PERFORM FROM agents_agent a WHERE a.id = NEW.holder_id AND a.kind = 'person';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'task %: only a person holds a task without a lease', NEW.id
        USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER task_lease_look ON tickets_task;
CREATE TRIGGER task_lease_look
BEFORE UPDATE OF holder_id, lease_expires_at, lease_look_at ON tickets_task
FOR EACH ROW
WHEN (
  NOT coalesce(
    NEW.lease_look_at <= NEW.lease_expires_at,
    num_nulls(NEW.lease_look_at, NEW.lease_expires_at, NEW.holder_id) = 3
  )
)
EXECUTE FUNCTION omoi_lease_look();
