SELECT
  {place} AS place,
  NULL::bigint AS project_id,
  r.*
FROM (
  {rows}
) r
WHERE (NOT %(mine)s::boolean OR %(sees_all)s::boolean AND %(at_most)s::int >= {rank})
  {page}
{order}
LIMIT %(most)s::bigint
