-- Each lane's floor becomes the rank of its first ready task, or the highest number. The look begins where
-- the one before the last ended (`looked_from`), so it walks only over what was claimed since then. A task
-- that became ready below a floor while that was raised, or whose lane was locked at that moment, is found
-- by the next look. The unbounded look finds it too, if its transaction took longer than that.
UPDATE tickets_lane l
SET
  floor = f.floor,
  looked_from = f.looked_from,
  looked_to = f.floor
FROM (
  SELECT
    k.id,
    coalesce(h.rank, {top}) AS floor,
    least(k.floor, k.looked_to, h.rank, CASE WHEN h.rank IS NULL THEN k.looked_from END) AS looked_from
  FROM tickets_lane k
  LEFT JOIN LATERAL (
    SELECT t.rank
    FROM tickets_task t
    WHERE t.lane_id = k.id
      AND {ready}
      {bound}
    ORDER BY t.rank, t.id
    LIMIT 1
  ) h ON true
  WHERE k.floor <> coalesce(h.rank, {top})
    OR k.looked_to <> coalesce(h.rank, {top})
    OR k.looked_from
      <> least(k.floor, k.looked_to, h.rank, CASE WHEN h.rank IS NULL THEN k.looked_from END)
  ORDER BY k.id
  FOR NO KEY UPDATE OF k SKIP LOCKED
) f
WHERE l.id = f.id
