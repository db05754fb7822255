-- The numbers beside the navigation of every page, each counted up to `most`: what the reader can act on, and
-- the open tickets (those of which it is stored who they wait on).
WITH {places},
{fleet}
SELECT
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM (
        {rows}
      ) f
      LIMIT %(most)s::bigint
    ) f
  ) AS attention,
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM places j
      CROSS JOIN LATERAL (
        SELECT
        FROM tickets_ticketwait w
        WHERE w.project_id = j.id
        ORDER BY w.id
        LIMIT %(most)s::bigint
      ) w
      LIMIT %(most)s::bigint
    ) w
  ) AS board
