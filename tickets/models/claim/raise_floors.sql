UPDATE tickets_lane l
SET floor = f.rank
FROM (
  SELECT
    k.id,
    h.rank
  FROM tickets_lane k
  CROSS JOIN LATERAL (
    SELECT t.rank
    FROM tickets_task t
    WHERE t.lane_id = k.id
      AND {ready}
    ORDER BY t.rank, t.id
    LIMIT 1
  ) h
  WHERE k.floor <> h.rank
  ORDER BY k.id
  FOR NO KEY UPDATE OF k SKIP LOCKED
) f
WHERE l.id = f.id
