-- The time to look at a lease is what is indexed, and never later than the end of the lease. A renewal, which
-- only makes the lease longer, leaves it as it is, and so costs no index an entry. Statements that grant and
-- end claims write both; this is for whoever makes a lease shorter, or writes the lease alone.
CREATE FUNCTION omoi_lease_look() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.lease_look_at := NEW.lease_expires_at;
  RETURN NEW;
END $$;

CREATE TRIGGER task_lease_look
BEFORE UPDATE OF lease_expires_at, lease_look_at ON tickets_task
FOR EACH ROW
WHEN (
  NOT coalesce(
    NEW.lease_look_at <= NEW.lease_expires_at,
    num_nulls(NEW.lease_look_at, NEW.lease_expires_at) = 2
  )
)
EXECUTE FUNCTION omoi_lease_look();
