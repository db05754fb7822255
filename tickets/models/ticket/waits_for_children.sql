-- Tickets that wait for the children of another, if the link or a child is new.
WITH waiting AS (
  SELECT ticket_id, other_id, kind
  FROM tickets_link
  WHERE kind IN (%(every)s, %(any)s)
    AND (id = ANY (%(links)s) OR other_id = ANY (%(parents)s))
),
child AS MATERIALIZED (
  SELECT w.ticket_id AS waiter, w.other_id AS parent, w.kind, k.id
  FROM waiting w
  JOIN tickets_ticket k ON k.parent_id = w.other_id
  UNION ALL
  SELECT w.ticket_id, w.other_id, w.kind, l.ticket_id
  FROM waiting w
  JOIN tickets_link l ON l.other_id = w.other_id
    AND l.kind = %(parent)s
  LIMIT %(limit)s
),
passes_nothing_on AS MATERIALIZED (
  SELECT k.id
  FROM tickets_ticket k
  WHERE k.id IN (SELECT id FROM child)
    AND NOT {holds}
)
SELECT
  c.waiter,
  c.parent,
  c.kind = %(any)s AS any,
  w.id AS after,
  w.state AS waiting,
  t.id AS before,
  t.state,
  c.id NOT IN (SELECT id FROM passes_nothing_on) AS holds
FROM child c
CROSS JOIN LATERAL (
  SELECT id, state
  FROM tickets_task
  WHERE ticket_id = c.waiter
  ORDER BY id
  LIMIT 1
) w
CROSS JOIN LATERAL (
  SELECT id, state
  FROM tickets_task
  WHERE ticket_id = c.id
  ORDER BY id
  LIMIT 1
) t
ORDER BY c.waiter, c.id
