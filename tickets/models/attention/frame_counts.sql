-- The numbers beside the navigation of every page, each counted up to `most`: what the reader can act on, the
-- open tickets (those of which it is stored who they wait on), and the agents.
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
  ) AS board,
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM agents_agent a
      WHERE a.state <> 'retired'
        AND a.kind <> 'person'
        AND (
          %(sees_all)s::boolean
          OR EXISTS (
            SELECT
            FROM agents_agent_projects m
            WHERE m.agent_id = a.id
              AND m.project_id = ANY (ARRAY(SELECT j.id FROM places j))
          )
        )
      LIMIT %(most)s::bigint
    ) a
  ) AS agents
