-- The completed tasks that a merge merges, in the order in which their needs were made; a sync stands for
-- those that it waited for. `size`: of the result as text; where what is stored is too much already, which is
-- known without reading it, as it is stored.
WITH RECURSIVE waiting(id) AS (
  SELECT %(id)s::bigint
  UNION
  SELECT p.id
  FROM waiting w
  JOIN tickets_need n ON n.child_id = w.id
  JOIN tickets_task p ON p.id = n.parent_id
  WHERE p.operation = 'sync'
),

source AS (
  SELECT
    n.parent_id AS id,
    min(n.id) AS place
  FROM waiting w
  JOIN tickets_need n ON n.child_id = w.id
  GROUP BY n.parent_id
)

SELECT
  p.id,
  p.ticket_key || '.' || p.id AS key,
  p.ended_at,
  CASE
    -- a small number takes four times as much room there as in a text
    WHEN sum(pg_column_size(p.result)) OVER () > 4 * %(most)s THEN coalesce(pg_column_size(p.result), 0)
    ELSE coalesce(octet_length(p.result::text), 0)
  END AS size
FROM source s
JOIN tickets_task p ON p.id = s.id
WHERE p.state = 'completed'
  AND p.operation <> 'sync'
ORDER BY s.place
