-- All edges that can be reached from these tasks. OFFSET 0 keeps each step a look-up by the index: planned
-- for a guessed number of rows, it would read all edges.
WITH RECURSIVE below(id) AS (
  SELECT unnest(%s::bigint[])
  UNION
  SELECT n.child_id
  FROM below b
  CROSS JOIN LATERAL (
    SELECT e.child_id
    FROM tickets_need e
    WHERE e.parent_id = b.id
    OFFSET 0
  ) n
)
SELECT
  n.parent_id,
  n.child_id
FROM tickets_need n
WHERE n.parent_id = ANY (ARRAY(SELECT id FROM below))
