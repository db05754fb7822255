-- The discoveries of a ticket, those about which somebody must decide first, with what they became.
SELECT
  d.*,
  o.key AS ticket_made,
  o.title AS ticket_title,
  o.phase AS ticket_phase,
  t.title AS task_title,
  t.state AS task_state,
  count(*) OVER () AS all_of_them,
  count(*) FILTER (WHERE d.state = 'open') OVER () AS still_open
FROM tickets_discovery d
LEFT JOIN tickets_ticket o ON o.id = d.made_ticket_id
LEFT JOIN tickets_task t ON t.id = d.made_task_id
WHERE d.ticket_id = %(ticket)s
ORDER BY
  d.state <> 'open',
  d.id DESC
LIMIT %(most)s
