WITH RECURSIVE up(id, parent_id, names) AS (
  SELECT
    id,
    parent_id,
    ARRAY[CASE WHEN source = %(source)s THEN source_id ELSE key END]
  FROM tickets_ticket
  WHERE id = ANY (%(ids)s)
  UNION ALL
  SELECT
    p.id,
    p.parent_id,
    up.names || CASE WHEN p.source = %(source)s THEN p.source_id ELSE p.key END
  FROM tickets_ticket p
  JOIN up ON p.id = up.parent_id
) CYCLE id SET loops USING path
SELECT names
FROM up
WHERE loops
  AND names[1] = names[cardinality(names)]
ORDER BY names
LIMIT 1
