-- The needs of these tasks, also those whose parents have ended: PostgreSQL makes no hash table of an array
-- that is a parameter, so to look for each parent among the ids takes needs times ids.
SELECT
  n.child_id,
  n.parent_id,
  n.on_end,
  n.on_failure
FROM unnest(%(ids)s::bigint[]) t(id)
CROSS JOIN LATERAL (
  SELECT
    n.child_id,
    n.parent_id,
    n.on_end,
    n.on_failure
  FROM tickets_need n
  WHERE n.child_id = t.id
  OFFSET 0
) n
LIMIT %(most)s::bigint + 1
