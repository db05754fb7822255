SELECT
  {place} AS place,
  j.id AS project_id,
  r.*
FROM places j
CROSS JOIN LATERAL (
  SELECT *
  FROM (
    {rows}
  ) r
  WHERE (NOT %(mine)s::boolean OR j.rank >= {rank})
    {page}
  {order}
  LIMIT %(most)s::bigint
) r
