-- The revisions of an artifact, the newest first, each with the size of its content.
SELECT
  a.*,
  b.size
FROM tickets_artifact a
JOIN tickets_blob b ON b.hash = a.blob_id
WHERE a.ticket_id = %(ticket)s
  AND a.phase = %(phase)s
  AND a.name = %(name)s
ORDER BY a.revision DESC
LIMIT %(most)s
