-- Operations complete by themselves: they go from pending to their end, and nobody claims them. What a task
-- is, it stays: otherwise a task could be completed without being claimed.
CREATE OR REPLACE FUNCTION omoi_task_states() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'completed') OR NEW.fence <> 0 THEN
      RAISE EXCEPTION 'a task is born pending, or completed by an import, not %', NEW.state
        USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.operation NOT IN ('', 'sync', 'merge') THEN
      RAISE EXCEPTION 'there is no operation %', NEW.operation
        USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.operation <> NEW.operation THEN
    RAISE EXCEPTION 'task %: an operation stays what it is', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = NEW.state THEN
    RETURN NEW;
  END IF;
  IF (NEW.operation = '', OLD.state, NEW.state) NOT IN (
    (true, 'pending', 'claimed'),
    (true, 'pending', 'cancelled'),
    (true, 'claimed', 'pending'),
    (true, 'claimed', 'completed'),
    (true, 'claimed', 'failed'),
    (true, 'claimed', 'cancelled'),
    (true, 'failed', 'pending'),
    (true, 'cancelled', 'pending'),
    (false, 'pending', 'completed'),
    (false, 'pending', 'failed'),
    (false, 'pending', 'cancelled'),
    (false, 'failed', 'pending'),
    (false, 'cancelled', 'pending')
  ) THEN
    RAISE EXCEPTION 'task %: % cannot become %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'claimed' AND NEW.fence <= OLD.fence THEN
    RAISE EXCEPTION 'task %: a claim needs a new fence', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- Lets past only what happens all the time, without an operation between the two words; see
-- short_conditions.sql.
DROP TRIGGER task_states ON tickets_task;
CREATE TRIGGER task_states
BEFORE UPDATE OF state ON tickets_task
FOR EACH ROW
WHEN (
  OLD.state || NEW.operation || NEW.state NOT IN ('pendingclaimed', 'claimedcompleted')
  OR NEW.state = 'claimed' AND NEW.fence <= OLD.fence
)
EXECUTE FUNCTION omoi_task_states();

CREATE TRIGGER task_operation
BEFORE UPDATE OF operation ON tickets_task
FOR EACH ROW
EXECUTE FUNCTION omoi_task_states();
