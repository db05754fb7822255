-- The tickets related to this one: its parent, its first parts, and those that a link joins with it. And the
-- schedule that opened it, by its id and the name of its template.
(
  SELECT
    'parent' AS relation,
    false AS incoming,
    o.key,
    o.title,
    o.phase
  FROM tickets_ticket k
  JOIN tickets_ticket o ON o.id = k.parent_id
  WHERE k.id = %(ticket)s
)
UNION ALL
(
  SELECT
    'part',
    false,
    o.key,
    o.title,
    o.phase
  FROM tickets_ticket o
  WHERE o.parent_id = %(ticket)s
  ORDER BY o.number
  LIMIT 100
)
UNION ALL
(
  SELECT
    'link ' || l.kind,
    l.other_id = %(ticket)s,
    o.key,
    o.title,
    o.phase
  FROM tickets_link l
  JOIN tickets_ticket o ON o.id = CASE WHEN l.other_id = %(ticket)s THEN l.ticket_id ELSE l.other_id END
  WHERE l.ticket_id = %(ticket)s
    OR l.other_id = %(ticket)s
  ORDER BY
    l.kind,
    l.id
)
UNION ALL
(
  SELECT
    'schedule',
    false,
    s.id::text,
    p.name,
    ''
  FROM tickets_schedulerun r
  JOIN tickets_schedule s ON s.id = r.schedule_id
  JOIN tickets_tickettemplate p ON p.id = s.template_id
  WHERE r.ticket_id = %(ticket)s
  ORDER BY r.id
  LIMIT 1
)
