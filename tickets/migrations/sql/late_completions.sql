-- A claim whose lease has ended can still be completed by its holder, as long as nobody was granted the task
-- since.
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
  IF (OLD.state, OLD.settled_as) = ('pending', 'lapsed')
    AND (NEW.state, NEW.settled_as) = ('completed', 'late')
    AND OLD.settled_fence = NEW.fence
    AND OLD.settled_by = NEW.settled_by
  THEN
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
