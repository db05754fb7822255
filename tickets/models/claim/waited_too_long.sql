CASE
  WHEN jsonb_exists(p.wip, 'oldest_s') THEN (
    SELECT first.since < clock_timestamp() - (p.wip->>'oldest_s')::int * interval '1 s'
    FROM (
      {longest_waiting}
    ) first
  )
END
