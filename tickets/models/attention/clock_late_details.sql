(
  SELECT
    jsonb_build_object(
      'about', 'clock',
      'late_s', extract(epoch FROM clock_timestamp() - f.since)::float8,
      'ran', EXISTS (SELECT FROM tickets_sweeprun r WHERE r.name = 'clock')
    )
)
