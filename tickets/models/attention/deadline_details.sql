(
  SELECT jsonb_build_object(
    'over_s', extract(epoch FROM clock_timestamp() - t.deadline),
    'late_s', extract(epoch FROM t.expected_at - t.deadline),
    'holder', h.name
  )
  FROM (SELECT) one
  LEFT JOIN agents_agent h ON h.id = t.holder_id
)
