(
  SELECT
    jsonb_build_object(
      'about', (array_agg(s.name ORDER BY s.at, s.name))[1],
      'error', (array_agg(left(s.error, {quoted}) ORDER BY s.at, s.name))[1],
      'late_s', max(s.late_s),
      'others', count(*) - 1
    )
  FROM (
    {failing}
  ) s
)
