-- Which state may follow which, whoever writes: the claim, the admin, a shell.
CREATE FUNCTION omoi_task_states() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'completed') OR NEW.fence <> 0 THEN
      RAISE EXCEPTION 'a task is born pending, or completed by an import, not %', NEW.state
        USING ERRCODE = 'check_violation';
    END IF;
  ELSIF NOT (OLD.state, NEW.state) IN (
    ('pending', 'claimed'),
    ('pending', 'cancelled'),
    ('claimed', 'pending'),
    ('claimed', 'completed'),
    ('claimed', 'failed'),
    ('claimed', 'cancelled'),
    ('failed', 'pending'),
    ('cancelled', 'pending')
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

CREATE TRIGGER task_birth
BEFORE INSERT ON tickets_task
FOR EACH ROW EXECUTE FUNCTION omoi_task_states();

CREATE TRIGGER task_states
BEFORE UPDATE OF state ON tickets_task
FOR EACH ROW
WHEN (OLD.state IS DISTINCT FROM NEW.state)
EXECUTE FUNCTION omoi_task_states();

-- Fences only grow: a smaller one would let an old holder write again.
CREATE FUNCTION omoi_fence_grows() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'task %: fence % cannot become %', OLD.id, OLD.fence, NEW.fence
    USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER task_fence
BEFORE UPDATE OF fence ON tickets_task
FOR EACH ROW
WHEN (NEW.fence < OLD.fence)
EXECUTE FUNCTION omoi_fence_grows();

ALTER TABLE tickets_task
  SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE tickets_lane SET (fillfactor = 70);
ALTER TABLE tickets_sweeprun SET (fillfactor = 50);
