WITH {places},
{fleet}
SELECT count(*) AS count
FROM (
  SELECT
  FROM (
    {rows}
  ) f
  LIMIT %(most)s::bigint
) f
