(
  SELECT
    coalesce(
      jsonb_agg(
        jsonb_build_object(
          'id', t.id,
          'over_s', extract(epoch FROM clock_timestamp() - t.deadline)::float8,
          'late_s', extract(epoch FROM t.expected_at - t.deadline)::float8
        )
        ORDER BY t.deadline, t.id
      ),
      '[]'
    )
  FROM (
    SELECT *
    FROM tickets_task t
    WHERE t.ticket_id = k.id
      AND ({overdue} OR {expected_late})
    ORDER BY t.deadline, t.id
    LIMIT %(most)s
  ) t
)
