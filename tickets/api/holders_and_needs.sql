-- The holder and the needs of each task, which are not in its row. For the wrapped list see decide.sql.
SELECT
  {columns},
  a.name AS holder,
  coalesce(
    (
      SELECT jsonb_agg(
        jsonb_build_object(
          'id', n.id::text,
          'task', n.parent_id::text,
          'when', n.on_end,
          'on_failure', n.on_failure
        )
        ORDER BY n.id
      )
      FROM tickets_need n
      WHERE n.child_id = t.id
    ),
    '[]'
  ) AS needs
FROM tickets_task t
LEFT JOIN agents_agent a ON a.id = t.holder_id
WHERE t.id = ANY ((SELECT %s::bigint[])::bigint[])
