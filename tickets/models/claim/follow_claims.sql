-- Between two looks of raise_floors: raises the floors of lanes from which many tasks are claimed. It begins
-- where the next look will begin and leaves that place as it is, so it hides nothing from that look.
UPDATE tickets_lane l
SET floor = f.floor
FROM (
  SELECT
    k.id,
    coalesce(h.rank, {top}) AS floor
  FROM tickets_lane k
  LEFT JOIN LATERAL (
    SELECT t.rank
    FROM tickets_task t
    WHERE t.lane_id = k.id
      AND {ready}
      AND t.rank >= least(k.looked_from, k.floor)
    ORDER BY t.rank, t.id
    LIMIT 1
  ) h ON true
  WHERE k.floor <> coalesce(h.rank, {top})
  ORDER BY k.id
  FOR NO KEY UPDATE OF k SKIP LOCKED
) f
WHERE l.id = f.id
RETURNING l.id
