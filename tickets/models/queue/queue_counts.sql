-- How many tasks of these projects have each status, counted up to `most`.
SELECT
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM unnest(%(projects)s::bigint[]) p(id)
      CROSS JOIN LATERAL (
        SELECT
        FROM tickets_task t
        WHERE t.project_id = p.id
          AND t.state = 'failed'
        LIMIT %(most)s::int
      ) t
      LIMIT %(most)s::int
    ) n
  ) AS failed,
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM unnest(%(projects)s::bigint[]) p(id)
      JOIN tickets_task t ON t.project_id = p.id
        AND t.state = 'pending'
        AND t.unsatisfiable
      LIMIT %(most)s::int
    ) n
  ) AS stuck,
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM unnest(%(projects)s::bigint[]) p(id)
      CROSS JOIN LATERAL (
        SELECT
        FROM tickets_task t
        WHERE t.project_id = p.id
          AND t.state = 'claimed'
        LIMIT %(most)s::int
      ) t
      LIMIT %(most)s::int
    ) n
  ) AS running,
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM unnest(%(projects)s::bigint[]) p(id)
      JOIN tickets_lane l ON l.project_id = p.id
      CROSS JOIN LATERAL (
        SELECT
        FROM tickets_task t
        WHERE t.lane_id = l.id
          AND {ready}
        LIMIT %(most)s::int
      ) t
      LIMIT %(most)s::int
    ) n
  ) AS ready,
  (
    SELECT count(*)
    FROM (
      SELECT
      FROM unnest(%(projects)s::bigint[]) p(id)
      CROSS JOIN LATERAL (
        SELECT
        FROM tickets_task t
        WHERE t.project_id = p.id
          AND t.state = 'pending'
        LIMIT %(most)s::int
      ) t
      LIMIT %(most)s::int
    ) n
  ) AS pending
