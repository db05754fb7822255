-- The tickets before and after one, in the order in which the board shows its cards. The one asked for counts
-- also if it has left the view meanwhile.
SELECT
  k.previous,
  k.following
FROM (
  SELECT
    k.id,
    lag(k.key) OVER board AS previous,
    lead(k.key) OVER board AS following
  FROM unnest(%s::varchar[], %s::boolean[]) WITH ORDINALITY AS c(phase, ended, place)
  JOIN tickets_ticket k ON k.phase = c.phase
  WHERE k.id IN (SELECT v.id FROM ({inside}) v(id) UNION SELECT %s::bigint)
  WINDOW board AS (
    ORDER BY
      c.place,
      CASE WHEN NOT c.ended THEN k.priority END,
      CASE WHEN c.ended THEN k.phase_since END DESC,
      k.phase_since,
      k.id
  )
) k
WHERE k.id = %s
