(
  SELECT jsonb_build_object(
    'holder', h.name,
    'held_s', extract(epoch FROM clock_timestamp() - t.claimed_at),
    'away', NOT {may_still_work}
  )
  FROM agents_agent h
  WHERE h.id = t.holder_id
)
