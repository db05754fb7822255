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
  WHERE (r.since, r.id) > (%(since_{place})s::timestamptz, %(id_{place})s::bigint)
    AND (NOT %(mine)s::boolean OR j.rank >= {rank})
  ORDER BY
    r.since,
    r.id
  LIMIT %(most)s::bigint
) r
