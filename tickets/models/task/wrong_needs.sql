-- A task without edges waits for nothing, so only those with edges, or that say they wait, are counted.
WITH child AS MATERIALIZED (
  SELECT DISTINCT child_id
  FROM tickets_need
  WHERE child_id > %(after)s
    AND child_id <= %(upto)s
)

SELECT
  t.id,
  jsonb_build_object(
    'was', jsonb_build_object(
      'open_needs', t.open_needs,
      'edges_left', t.edges_left,
      'unsatisfiable', t.unsatisfiable
    ),
    'now', jsonb_build_object(
      'open_needs', c.open_needs,
      'edges_left', c.edges_left,
      'unsatisfiable', t.state = 'pending' AND c.open_needs > c.edges_left
    )
  ) AS data
FROM tickets_task t
CROSS JOIN LATERAL (
{count_needs}
) c
WHERE t.id > %(after)s
  AND t.id <= %(upto)s
  AND (
    %(ids)s::bigint[] IS NULL
    OR t.id = ANY (%(ids)s)
  )
  AND t.state IN ('pending', 'claimed')
  AND (
    t.open_needs > 0
    OR t.edges_left > 0
    OR t.unsatisfiable
    OR t.id IN (SELECT child_id FROM child)
  )
  AND (t.open_needs, t.edges_left, t.unsatisfiable)
    IS DISTINCT FROM (c.open_needs, c.edges_left, t.state = 'pending' AND c.open_needs > c.edges_left)
