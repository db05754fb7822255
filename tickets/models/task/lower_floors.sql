  UPDATE tickets_lane l
  SET floor = f.rank
  FROM (
    SELECT
      k.id,
      x.rank
    FROM tickets_lane k
    JOIN (
      SELECT
        lane_id,
        min(rank) AS rank
      FROM {ready}
      GROUP BY 1
    ) x ON x.lane_id = k.id
    WHERE k.floor > x.rank
    FOR NO KEY UPDATE OF k SKIP LOCKED
  ) f
  WHERE l.id = f.id
