  UPDATE tickets_lane l
  SET
    floor = f.rank,
    floor_id = f.task
  FROM (
    SELECT
      k.id,
      x.rank,
      x.id AS task
    FROM tickets_lane k
    JOIN (
      SELECT DISTINCT ON (lane_id)
        lane_id,
        rank,
        id
      FROM {ready}
      ORDER BY lane_id, rank, id
    ) x ON x.lane_id = k.id
    WHERE (k.floor, k.floor_id) > (x.rank, x.id)
    FOR NO KEY UPDATE OF k SKIP LOCKED
  ) f
  WHERE l.id = f.id
