(
  SELECT
    jsonb_build_object(
      'about', 'broker',
      'late_s', extract(epoch FROM clock_timestamp() - f.since)::float8,
      'error', CASE
        WHEN {ours} THEN ''
        ELSE coalesce(
          (
            SELECT r.error
            FROM tickets_sweeprun r
            WHERE {cannot_send}
            ORDER BY r.waiting_since
            LIMIT 1
          ),
          ''
        )
      END
    )
)
