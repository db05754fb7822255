-- What the frame of every page shows of its reader. The numbers beside the navigation, each counted up to
-- `most`: what they can act on, and the open tickets (those of which it is stored who they wait on). Items
-- for which all agents are looked at are counted by a sweep; without one, here. Then whether single letters
-- are shortcuts for them, their saved views, whether they may freeze a project, whether anything is frozen,
-- and their projects: the first `choices` by key, and how many there are.
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
  ) AS board,
  coalesce(
    (SELECT a.single_letters FROM agents_account a WHERE a.user_id = %(person)s::bigint),
    true
  ) AS single_letters,
  (
    SELECT coalesce(jsonb_agg(jsonb_build_array(v.name, v.path, v.query) ORDER BY v.name), '[]')
    FROM agents_savedview v
    WHERE v.user_id = %(person)s::bigint
  ) AS views,
  EXISTS (SELECT FROM places j WHERE j.rank >= {freezing}) AS may_freeze,
  EXISTS (SELECT FROM tickets_freeze) AS frozen,
  (SELECT count(*) FROM places)::int AS number,
  (
    SELECT coalesce(jsonb_agg(jsonb_build_array(f.key, p.name) ORDER BY f.key), '[]')
    FROM (
      SELECT
        j.id,
        j.key
      FROM places j
      ORDER BY j.key
      LIMIT %(choices)s::bigint
    ) f
    JOIN agents_project p ON p.id = f.id
  ) AS projects
