(
  SELECT jsonb_build_object(
    'about', m.name,
    'schedule', s.id,
    'why', r.why,
    'detail', r.detail,
    'owed', (
      SELECT count(*)
      FROM tickets_schedulerun o
      WHERE o.schedule_id = s.id
        AND o.state = 'owed'
    )
  )
  FROM tickets_schedulerun r
  JOIN tickets_schedule s ON s.id = r.schedule_id
  JOIN tickets_tickettemplate m ON m.id = s.template_id
  WHERE r.id = f.id
)
