-- A page of the tickets that the reader sees, newest first, as a JSON array.
--
-- The tickets of each project are walked in the order of an index. What no index answers is asked of each
-- ticket that is walked over, of about `examined` at most: then the page ends at `complete`, down to which
-- every project was walked, and may be short. The bounds compare rows, and the order is that of the whole
-- index: with `project_id =` PostgreSQL would walk the tickets of all projects by their primary key.
WITH {seen},
share AS MATERIALIZED (
  SELECT greatest(%(examined)s::bigint / greatest(count(*), 1), %(limit)s::bigint + 1) AS most
  FROM seen
),
walked AS MATERIALIZED (
  SELECT
    seen.id AS project_id,
    found.id,
    found.matches
  FROM seen
  CROSS JOIN LATERAL (
    SELECT
      k.id,
      {matches} AS matches
    FROM tickets_ticket k
    WHERE ({index}) > ({start}, 0)
      AND ({index}) < ({start}, %(before)s::bigint)
      AND {archived}
    ORDER BY {newest_first}
    LIMIT (SELECT most FROM share)
  ) found
  {everywhere}
),
complete AS MATERIALIZED (
  SELECT max(w.last) AS id
  FROM (
    SELECT
      min(walked.id) AS last,
      count(*) AS n
    FROM walked
    GROUP BY walked.project_id
  ) w
  WHERE w.n >= (SELECT most FROM share)
),
page AS MATERIALIZED (
  SELECT id
  FROM walked
  WHERE matches
    AND id >= coalesce((SELECT id FROM complete), 0)
  ORDER BY id DESC
  LIMIT %(limit)s::bigint + 1
),
shown AS MATERIALIZED (
  SELECT id
  FROM page
  ORDER BY id DESC
  LIMIT %(limit)s::bigint
),
documents AS (
  {documents}
)
SELECT
  (SELECT count(*) FROM seen) AS projects,
  (SELECT '[' || coalesce(string_agg(document, ',' ORDER BY id DESC), '') || ']' FROM documents) AS results,
  CASE
    WHEN (SELECT count(*) FROM page) > %(limit)s::bigint THEN (SELECT min(id) FROM shown)
    ELSE (SELECT id FROM complete)
  END AS following
