t.id = ANY (
  ARRAY(
    SELECT o.id
    FROM seen
    CROSS JOIN LATERAL (
      SELECT d.id
      FROM (
        SELECT t.id
        FROM tickets_task t
        WHERE t.project_id = seen.id
          AND {overdue}
        ORDER BY t.deadline
        OFFSET 0
      ) d
      WHERE d.id > %(after)s::bigint
      ORDER BY d.id
      LIMIT (SELECT most FROM share)
    ) o
  )
)
