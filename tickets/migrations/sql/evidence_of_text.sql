-- How often a ticket's title, description or acceptance criteria have changed. Only the database counts it,
-- and never backwards: a text that comes back is another version of it.
CREATE FUNCTION omoi_counts_text_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.text_changes := OLD.text_changes + (
    (OLD.title, OLD.description, OLD.acceptance) IS DISTINCT FROM (NEW.title, NEW.description, NEW.acceptance)
  )::int;
  RETURN NEW;
END $$;

CREATE TRIGGER ticket_counts_text_changes
BEFORE UPDATE OF title, description, acceptance, text_changes ON tickets_ticket
FOR EACH ROW EXECUTE FUNCTION omoi_counts_text_changes();

-- The digest of what a ticket shows to somebody who has read its text in this version: the newest artifacts,
-- the tasks of the phase, and the text. What was replaced and comes back is not the same. A ticket whose text
-- never changed, and whose artifacts have one revision each, has the digest it had.
CREATE FUNCTION omoi_shown(of_ticket bigint, of_phase text, text_changes int) RETURNS text
LANGUAGE sql STABLE
RETURN encode(sha256(convert_to(
  coalesce((
    SELECT jsonb_agg(
      jsonb_build_array(a.phase, a.name, a.type, a.blob_id)
      || CASE WHEN a.path = '' AND a."commit" = '' THEN '[]' ELSE jsonb_build_array(a.path, a."commit") END
      || CASE WHEN a.revision = 1 THEN '[]' ELSE jsonb_build_array(a.revision) END
      ORDER BY a.id
    )::text
    FROM (
      SELECT DISTINCT ON (phase, name) id, phase, name, type, blob_id, path, "commit", revision
      FROM tickets_artifact
      WHERE ticket_id = of_ticket
      ORDER BY phase, name, revision DESC
    ) a
  ), '[]')
  || coalesce((
    SELECT jsonb_agg(jsonb_build_array(t.id, t.state) ORDER BY t.id)::text
    FROM tickets_task t
    WHERE t.ticket_id = of_ticket
      AND t.phase = of_phase
  ), '[]')
  || coalesce((
    SELECT t.acceptance::text
    FROM tickets_ticket t
    WHERE t.id = of_ticket
      AND t.acceptance <> '[]'
  ), '')
  || CASE WHEN text_changes = 0 THEN '' ELSE text_changes::text END,
  'UTF8')), 'hex');

CREATE OR REPLACE FUNCTION omoi_submitted(of_ticket bigint, of_phase text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT omoi_shown(of_ticket, of_phase, k.text_changes)
  FROM tickets_ticket k
  WHERE k.id = of_ticket
$$;

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER ticket_counts_text_changes;
