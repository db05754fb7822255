-- A page of the tasks that the reader sees, in the order of their ids, as a JSON array.
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
  SELECT min(w.last) AS id
  FROM (
    SELECT
      max(walked.id) AS last,
      count(*) AS n
    FROM walked
    GROUP BY
      walked.project_id,
      walked.state
  ) w
  WHERE w.n >= (SELECT most FROM share)
),
page AS MATERIALIZED (
  SELECT id
  FROM walked
  WHERE matches
    AND id <= coalesce((SELECT id FROM complete), 9223372036854775807)
  ORDER BY id
  LIMIT %(limit)s::bigint + 1
),
shown AS MATERIALIZED (
  SELECT id
  FROM page
  ORDER BY id
  LIMIT %(limit)s::bigint
),
{documents}
SELECT
  (SELECT count(*) FROM seen) AS projects,
  (SELECT '[' || coalesce(string_agg(document, ',' ORDER BY id), '') || ']' FROM documents) AS results,
  CASE
    WHEN (SELECT count(*) FROM page) > %(limit)s::bigint THEN (SELECT max(id) FROM shown)
    ELSE (SELECT id FROM complete)
  END AS following
