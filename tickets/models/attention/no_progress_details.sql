(
  SELECT jsonb_build_object(
    'holder', h.name,
    'inactive_s', extract(epoch FROM clock_timestamp() - t.active_at),
    'taken_s', extract(epoch FROM CASE WHEN {takeable} THEN {taken_at} END - clock_timestamp())
  )
  FROM agents_agent h
  WHERE h.id = t.holder_id
)
