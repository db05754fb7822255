-- What a task needs, and what needs it.
SELECT
  r.*
FROM (
  (
    SELECT
      true AS needed,
      n.id AS need,
      n.on_end,
      n.on_failure,
      t.id,
      t.ticket_key || '.' || t.id AS key,
      t.title,
      t.state
    FROM tickets_need n
    JOIN tickets_task t ON t.id = n.parent_id
    WHERE n.child_id = %(task)s::bigint
    ORDER BY n.id
    LIMIT %(most)s::int
  )
  UNION ALL
  (
    SELECT
      false AS needed,
      n.id AS need,
      n.on_end,
      n.on_failure,
      t.id,
      t.ticket_key || '.' || t.id AS key,
      t.title,
      t.state
    FROM tickets_need n
    JOIN tickets_task t ON t.id = n.child_id
    WHERE n.parent_id = %(task)s::bigint
    ORDER BY n.id
    LIMIT %(most)s::int
  )
) r
ORDER BY
  r.needed DESC,
  r.need
