-- The journal is insert-only, and each statement that writes it notifies its followers once.
CREATE FUNCTION omoi_never() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER journal_only_grows
BEFORE UPDATE OR DELETE ON agents_event
FOR EACH ROW EXECUTE FUNCTION omoi_never();

CREATE TRIGGER journal_is_never_emptied
BEFORE TRUNCATE ON agents_event
FOR EACH STATEMENT EXECUTE FUNCTION omoi_never();

CREATE FUNCTION omoi_ring() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('omoi_events', '');
  RETURN NULL;
END $$;

CREATE TRIGGER journal_rings
AFTER INSERT ON agents_event
FOR EACH STATEMENT EXECUTE FUNCTION omoi_ring();

ALTER TABLE agents_agent SET (fillfactor = 50);
ALTER TABLE agents_agentpresence SET (fillfactor = 50);
ALTER TABLE agents_event SET (autovacuum_vacuum_insert_scale_factor = 0.1);
