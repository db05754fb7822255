-- The digest of what a check that runs later is about. It leaves out the tasks, because a review is one. It
-- has the ids of the artifacts, and how often the title, the description and the criteria have changed: what
-- was replaced and comes back is not the same, so an answer that was found meanwhile does not count for it.
SELECT encode(sha256(convert_to(
  concat(
    (
      SELECT jsonb_agg(
        jsonb_build_array(a.id, a.phase, a.name, a.type, a.blob_id, a.path, a."commit")
        ORDER BY a.id
      )
      FROM (
        SELECT DISTINCT ON (phase, name) id, phase, name, type, blob_id, path, "commit"
        FROM tickets_artifact
        WHERE ticket_id = %(ticket)s
        ORDER BY phase, name, revision DESC
      ) a
    ),
    (
      SELECT t.acceptance::text || CASE WHEN t.text_changes = 0 THEN '' ELSE t.text_changes::text END
      FROM tickets_ticket t
      WHERE t.id = %(ticket)s
    )
  ),
  'UTF8'
)), 'hex') AS seen
