-- What the frame of every page asks; while nothing is frozen it is all. Of the projects of its reader it
-- tells the first `most` by key, and how many there are.
WITH theirs AS MATERIALIZED (
  SELECT
    p.key,
    p.name
  FROM agents_project p
  WHERE %(all)s
    OR p.id IN (SELECT m.project_id FROM agents_member m WHERE m.user_id = %(person)s)
)

SELECT
  EXISTS (
    SELECT
    FROM agents_member m
    WHERE m.user_id = %(person)s
      AND m.role = ANY (%(roles)s::varchar[])
  ) AS may,
  EXISTS (SELECT FROM tickets_freeze) AS frozen,
  (SELECT count(*) FROM theirs) AS number,
  (
    SELECT coalesce(jsonb_agg(jsonb_build_array(f.key, f.name) ORDER BY f.key), '[]')
    FROM (
      SELECT
        t.key,
        t.name
      FROM theirs t
      ORDER BY t.key
      LIMIT %(most)s::bigint
    ) f
  ) AS projects
