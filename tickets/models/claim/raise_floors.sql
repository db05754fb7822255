-- Each lane's floor becomes its first ready task, or the highest number. The look begins where the one before
-- the last ended (`looked_from`), so it walks only over what was claimed since then. A task that became ready
-- below a floor while that was raised, or whose lane was locked at that moment, is found by the next look.
-- The unbounded look finds it too, if its transaction took longer than that. Places are arrays of rank and
-- id.
UPDATE tickets_lane l
SET
  floor = f.first[1],
  floor_id = f.first[2],
  looked_from = f.looked_from,
  looked_to = f.first
FROM (
  SELECT
    k.id,
    s.first,
    s.looked_from
  FROM tickets_lane k
  LEFT JOIN LATERAL ({first_ready}
  ) h ON true
  CROSS JOIN LATERAL (
    SELECT
      coalesce(h.place, {top}) AS first,
      least(
        ARRAY[k.floor, k.floor_id],
        k.looked_to,
        h.place,
        CASE WHEN h.place IS NULL THEN k.looked_from END
      ) AS looked_from
  ) s
  WHERE ARRAY[k.floor, k.floor_id] <> s.first
    OR k.looked_to <> s.first
    OR k.looked_from <> s.looked_from
  ORDER BY k.id
  FOR NO KEY UPDATE OF k SKIP LOCKED
) f
WHERE l.id = f.id
