-- The acceptance criteria of a ticket are evidence too, each with the artifact that answers it. A ticket
-- without criteria has the digest it had.
CREATE OR REPLACE FUNCTION omoi_evidence(of_ticket bigint, of_phase text) RETURNS text
LANGUAGE sql STABLE
RETURN encode(sha256(convert_to(
  coalesce((
    SELECT jsonb_agg(
      jsonb_build_array(a.phase, a.name, a.type, a.blob_id)
      || CASE WHEN a.path = '' AND a."commit" = '' THEN '[]' ELSE jsonb_build_array(a.path, a."commit") END
      ORDER BY a.id
    )::text
    FROM (
      SELECT DISTINCT ON (phase, name) id, phase, name, type, blob_id, path, "commit"
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
  ), ''),
  'UTF8')), 'hex');
