-- Between two looks of raise_floors: raises the floors of lanes from which many tasks are claimed. It begins
-- where the next look will begin and leaves that place as it is, so it hides nothing from that look. A new
-- lane waits for its first look.
UPDATE tickets_lane l
SET
  floor = f.first[1],
  floor_id = f.first[2]
FROM (
  SELECT
    k.id,
    coalesce(h.place, {top}) AS first
  FROM tickets_lane k
  JOIN tickets_lanelook o ON o.lane_id = k.id
  LEFT JOIN LATERAL ({first_ready}
  ) h ON true
  WHERE ARRAY[k.floor, k.floor_id] <> coalesce(h.place, {top})
  ORDER BY k.id
  FOR NO KEY UPDATE OF k SKIP LOCKED
) f
WHERE l.id = f.id
RETURNING l.id
