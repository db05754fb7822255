-- With another name, an author would be no author of what they submitted, and could approve it.
CREATE FUNCTION omoi_person_keeps_the_name() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.username IS DISTINCT FROM OLD.username THEN
    RAISE EXCEPTION '% keeps this name: the journal and artifacts name people by it', OLD.username
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

-- neither OF username nor WHEN: Django's own migrations could not alter a column that a trigger names
CREATE TRIGGER person_keeps_the_name
BEFORE UPDATE ON auth_user
FOR EACH ROW EXECUTE FUNCTION omoi_person_keeps_the_name();

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE auth_user ENABLE ALWAYS TRIGGER person_keeps_the_name;
