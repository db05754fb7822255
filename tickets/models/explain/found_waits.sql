-- The first of those who wait on `who`, as stored. Each project and each lane is read in the order of an
-- index, so what it costs is the page: the bounds compare rows, as in ticket_page.sql.
WITH places AS MATERIALIZED (
  SELECT
    j.id,
    {stopped} AS stopped
  FROM agents_project j
  LEFT JOIN LATERAL (
    SELECT f.*
    {freezes}
    LIMIT 1
  ) z ON true
  WHERE %(projects)s::bigint[] IS NULL
    OR j.id = ANY (%(projects)s)
)
SELECT id
FROM (
  SELECT w.id
  FROM places p
  CROSS JOIN LATERAL (
    SELECT w.id
    FROM {table} w
    WHERE w.who IS NOT NULL
      AND (w.project_id, {named}, w.id) > (p.id, %(who)s::text, %(above)s::bigint)
      AND (w.project_id, {named}, w.id) < (p.id, %(who)s::text, %(below)s::bigint)
    ORDER BY w.project_id {order}, {named} {order}, w.id {order}
    LIMIT %(most)s
  ) w
  WHERE NOT p.stopped
  UNION ALL
  SELECT w.id
  FROM places p
  JOIN tickets_lanewait g ON g.project_id = p.id
  CROSS JOIN LATERAL (
    SELECT w.id
    FROM {table} w
    WHERE w.lane_id IS NOT NULL
      AND (w.lane_id, w.variant, w.id) > (g.lane_id, g.variant, %(above)s::bigint)
      AND (w.lane_id, w.variant, w.id) < (g.lane_id, g.variant, %(below)s::bigint)
    ORDER BY w.lane_id {order}, w.variant {order}, w.id {order}
    LIMIT %(most)s
  ) w
  WHERE NOT p.stopped
    AND {lane_named} = %(who)s
  {of_stopped}
) found
ORDER BY id {order}
LIMIT %(most)s
