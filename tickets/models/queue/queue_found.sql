-- Tasks that an index finds, worst first, behind a place.
SELECT
  f.place,
  f.id
FROM (
  SELECT
    {place} AS place,
    t.id
  FROM tickets_task t
  WHERE t.project_id = ANY (%(projects)s::bigint[])
    AND {found}
) f
WHERE f.place > %(place)s::int
  OR f.place = %(place)s::int
  AND f.id > %(above)s::bigint
  AND f.id < %(below)s::bigint
ORDER BY
  f.place,
  f.id {order}
LIMIT %(most)s::bigint
