-- Stores how many items of these kinds there are, by project, kind and who must act; up to `most` of each.
WITH {places},
{fleet},
found AS MATERIALIZED (
  SELECT
    f.project_id,
    (%(kinds)s::varchar[])[f.place + 1] AS kind,
    f.who::varchar AS who,
    count(*)::int AS number
  FROM (
    {rows}
  ) f
  GROUP BY
    f.project_id,
    f.place,
    f.who
),

gone AS (
  DELETE FROM tickets_attentioncount c
  WHERE NOT EXISTS (
    SELECT
    FROM found f
    WHERE (f.project_id, f.kind, f.who) = (c.project_id, c.kind, c.who)
  )
)

INSERT INTO tickets_attentioncount AS c (project_id, kind, who, number)
SELECT
  project_id,
  kind,
  who,
  number
FROM found
ORDER BY
  project_id,
  kind,
  who
ON CONFLICT (project_id, kind, who) DO UPDATE SET number = excluded.number
WHERE c.number <> excluded.number
