WITH {places},
{fleet},
found AS MATERIALIZED (
  SELECT *
  FROM (
    SELECT
      r.*,
      row_number() OVER (
        PARTITION BY r.place
        ORDER BY
          r.since,
          r.id
      ) AS nth
    FROM (
      {rows}
    ) r
  ) f
  ORDER BY
    nth > %(of_kind)s::bigint,
    place,
    since,
    id
  LIMIT %(most)s::bigint
)
SELECT
  f.place,
  f.id,
  f.since,
  f.who,
  f.project_id,
  f.task_id AS task,
  j.key AS project,
  CASE
    WHEN f.project_id IS NULL THEN %(sees_all)s::boolean AND %(at_most)s::int >= {rank}
    ELSE j.rank >= {rank}
  END AS mine,
  k.key AS ticket,
  k.title,
  k.phase,
  k.moves,
  k.move_fault,
  t.title AS task_title,
  t.attempts,
  t.max_attempts,
  t.failure,
  t.rate_limits,
  left(t.error, {quoted}) AS error,
  {details} AS details
FROM found f
LEFT JOIN places j ON j.id = f.project_id
-- each by its key; as plain joins, a whole table was read where PostgreSQL took it for a small one
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_ticket k
  WHERE k.id = f.ticket_id
  OFFSET 0
) k ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_task t
  WHERE t.id = f.task_id
  OFFSET 0
) t ON true
ORDER BY
  f.nth > %(of_kind)s::bigint,
  f.place,
  f.since,
  f.id
