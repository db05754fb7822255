-- A bumped task stays in front of all other work, the express band too, whatever statement ranks it anew.
-- First bumped, first served.
CREATE FUNCTION omoi_keep_in_front() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.rank := omoi_micros(NEW.bumped_at - interval '20 years');
  RETURN NEW;
END $$;

CREATE TRIGGER task_in_front
BEFORE UPDATE OF rank, bumped_at ON tickets_task
FOR EACH ROW
WHEN (NEW.bumped_at IS NOT NULL)
EXECUTE FUNCTION omoi_keep_in_front();
