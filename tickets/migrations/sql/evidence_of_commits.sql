-- The commit and the path that an artifact names are evidence too: checks read them. Artifacts that name none
-- have the digest they had.
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
  ), '[]'),
  'UTF8')), 'hex');
