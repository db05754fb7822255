WITH {places},
found AS MATERIALIZED (
  SELECT *
  FROM (
    {rows}
  ) f
  ORDER BY
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
  j.rank >= {rank} AS mine,
  k.key AS ticket,
  k.title,
  k.phase,
  k.moves,
  k.move_fault,
  t.title AS task_title,
  t.attempts,
  t.max_attempts,
  t.failure,
  left(t.error, {quoted}) AS error,
  {details} AS details
FROM found f
JOIN places j ON j.id = f.project_id
LEFT JOIN tickets_ticket k ON k.id = f.ticket_id
LEFT JOIN tickets_task t ON t.id = f.task_id
ORDER BY
  f.place,
  f.since,
  f.id
