-- The numbers beside the navigation of every page, each counted up to `most`: what the reader can act on, and
-- the open tickets (those of which it is stored who they wait on). Items for which all agents are looked at
-- are counted by a sweep; without one, here.
WITH {places},
{fleet},
stored AS MATERIALIZED (
  SELECT
  FROM tickets_sweeprun r
  WHERE r.name = '{sweep}'
    AND r.at > clock_timestamp() - {fresh}
)
SELECT
  least(
    (
      SELECT count(*)
      FROM (
        SELECT
        FROM (
          {rows}
        ) f
        LIMIT %(most)s::bigint
      ) f
    ) + CASE
      WHEN EXISTS (SELECT FROM stored) THEN (
        SELECT coalesce(sum(r.number), 0)
        FROM places j
        JOIN tickets_attentioncount r ON r.project_id = j.id
        WHERE NOT %(mine)s::boolean
          OR j.rank >= {rank}
      )
      ELSE (
        SELECT count(*)
        FROM (
          SELECT
          FROM (
            {swept}
          ) f
          LIMIT %(most)s::bigint
        ) f
      )
    END,
    %(most)s::bigint
  )::int AS attention,
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
