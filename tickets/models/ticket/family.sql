-- These tickets and everything below them from the same source, each with its parents. Further parents are
-- links.
WITH RECURSIVE down(id) AS (
  SELECT unnest(%(seeds)s::bigint[])
  UNION
  SELECT child.id
  FROM down
  CROSS JOIN LATERAL (
    SELECT k.id
    FROM tickets_ticket k
    WHERE k.parent_id = down.id
      AND k.source = %(source)s
    UNION ALL
    SELECT l.ticket_id
    FROM tickets_link l
    WHERE l.other_id = down.id
      AND l.kind = %(parents)s
  ) child
)
SELECT down.id AS child, k.parent_id AS parent
FROM down
JOIN tickets_ticket k ON k.id = down.id
WHERE k.parent_id IS NOT NULL
UNION
SELECT down.id, l.other_id
FROM down
JOIN tickets_link l ON l.ticket_id = down.id
  AND l.kind = %(parents)s
