-- The newest revision of each name in each phase, the latest first, with the size of its content.
SELECT
  newest.*,
  b.size
FROM (
  SELECT DISTINCT ON (a.phase, a.name) a.*
  FROM tickets_artifact a
  WHERE a.ticket_id = %(ticket)s
  ORDER BY
    a.phase,
    a.name,
    a.revision DESC
) newest
JOIN tickets_blob b ON b.hash = newest.blob_id
WHERE newest.id < %(before)s
ORDER BY newest.id DESC
LIMIT %(most)s
