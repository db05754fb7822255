-- A page of the tasks that the reader sees, in the order of their places, as a JSON array. A place is the id,
-- or the deadline and the id.
--
-- The tasks are walked in the order of an index. What no index answers is asked of each task that is walked
-- over, of about `examined` at most: then the page ends at `complete`, up to which every walk came, and may
-- be short.
WITH {seen},
share AS MATERIALIZED (
  SELECT
    greatest(
      %(examined)s::bigint / greatest({walks}, 1),
      %(limit)s::bigint + 1
    ) AS most
  FROM seen
),
walked AS MATERIALIZED (
  {walked}
),
complete AS MATERIALIZED (
  SELECT min(w.last) AS place
  FROM (
    SELECT
      max(walked.place) AS last,
      count(*) AS n
    FROM walked
    GROUP BY
      walked.project_id,
      walked.state
  ) w
  WHERE w.n >= (SELECT most FROM share)
),
page AS MATERIALIZED (
  SELECT
    id,
    place
  FROM walked
  WHERE matches
    AND place <= coalesce((SELECT place FROM complete), place)
  ORDER BY place
  LIMIT %(limit)s::bigint + 1
),
shown AS MATERIALIZED (
  SELECT
    id,
    place
  FROM page
  ORDER BY place
  LIMIT %(limit)s::bigint
),
{documents}
SELECT
  (SELECT count(*) FROM seen) AS projects,
  (
    SELECT '[' || coalesce(string_agg(d.document, ',' ORDER BY s.place), '') || ']'
    FROM shown s
    JOIN documents d ON d.id = s.id
  ) AS results,
  to_json(
    CASE
      WHEN (SELECT count(*) FROM page) > %(limit)s::bigint THEN (SELECT max(place) FROM shown)
      ELSE (SELECT place FROM complete)
    END
  ) AS following
