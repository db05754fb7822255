WITH truth AS ({count_needs}
  WHERE c.id > %(after)s
    AND c.id <= %(upto)s
    AND (
      %(ids)s::bigint[] IS NULL
      OR c.id = ANY (%(ids)s)
    )
    AND c.state = 'pending'
  GROUP BY c.id
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
      'unsatisfiable', c.open_needs > c.edges_left
    )
  ) AS data
FROM truth c
JOIN tickets_task t ON t.id = c.id
WHERE (t.open_needs, t.edges_left, t.unsatisfiable)
  IS DISTINCT FROM (c.open_needs, c.edges_left, c.open_needs > c.edges_left)
