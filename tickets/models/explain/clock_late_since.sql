CASE
  WHEN NOT {clock_runs} THEN coalesce(
    (SELECT r.at FROM tickets_sweeprun r WHERE r.name = 'clock'),
    (
      SELECT min(p.created_at)
      FROM agents_project p
      HAVING min(p.created_at) < clock_timestamp() - interval '60 s'
    )
  )
END
