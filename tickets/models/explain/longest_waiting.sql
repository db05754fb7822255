-- Of the tickets of a project that stand in phase `p`, the one that waits for people longest; else the one
-- that has been there longest, with nothing else. Of very many tickets only the oldest are looked at; they
-- are found by an index.
SELECT
  k.key,
  w.since,
  w.who
FROM (
  SELECT *
  FROM omoi_standing_tickets({project}, p.workflow_id, p.name) k
  WHERE {asked}
  ORDER BY k.id
  LIMIT {looked_at}
) k
LEFT JOIN LATERAL (
  {people_wait}
) w ON true
ORDER BY
  w.since NULLS LAST,
  k.phase_since,
  k.id
LIMIT 1
