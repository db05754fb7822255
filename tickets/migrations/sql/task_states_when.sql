-- Which state may follow which is asked by the trigger itself; the function only says what is wrong. Called
-- for each change, it would cost as much as two indexes.
CREATE OR REPLACE FUNCTION omoi_task_states() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'completed') OR NEW.fence <> 0 THEN
      RAISE EXCEPTION 'a task is born pending, or completed by an import, not %', NEW.state
        USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state = 'pending' AND NEW.state = 'claimed' THEN
    RAISE EXCEPTION 'task %: a claim needs a new fence', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RAISE EXCEPTION 'task %: % cannot become %', OLD.id, OLD.state, NEW.state
    USING ERRCODE = 'check_violation';
END $$;

DROP TRIGGER task_states ON tickets_task;
CREATE TRIGGER task_states
BEFORE UPDATE OF state ON tickets_task
FOR EACH ROW
WHEN (
  OLD.state IS DISTINCT FROM NEW.state
  AND NOT CASE NEW.state
    WHEN 'claimed' THEN OLD.state = 'pending' AND NEW.fence > OLD.fence
    WHEN 'pending' THEN OLD.state <> 'completed'
    WHEN 'cancelled' THEN OLD.state IN ('pending', 'claimed')
    ELSE OLD.state = 'claimed'
  END
)
EXECUTE FUNCTION omoi_task_states();
