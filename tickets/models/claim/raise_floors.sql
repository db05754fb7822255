-- Each lane's floor becomes its first ready task, or the highest number. The look begins where the one before
-- the last ended (`looked_from`), so it walks only over what was claimed since then. A task that became ready
-- below a floor while that was raised, or whose lane was locked at that moment, is found by the next look.
-- The unbounded look finds it too, if its transaction took longer than that. Places are arrays of rank and
-- id.
WITH look AS MATERIALIZED (
  SELECT
    k.id,
    s.first,
    s.looked_from,
    ARRAY[k.floor, k.floor_id] <> s.first AS moved
  FROM tickets_lane k
  LEFT JOIN tickets_lanelook o ON o.lane_id = k.id
  LEFT JOIN LATERAL ({first_ready}
  ) h ON true
  CROSS JOIN LATERAL (
    SELECT
      coalesce(h.place, {top}) AS first,
      least(
        ARRAY[k.floor, k.floor_id],
        o.looked_to,
        h.place,
        CASE WHEN h.place IS NULL THEN o.looked_from END
      ) AS looked_from
  ) s
  WHERE ARRAY[k.floor, k.floor_id] <> s.first
    OR o.looked_to IS DISTINCT FROM s.first
    OR o.looked_from IS DISTINCT FROM s.looked_from
  ORDER BY k.id
  FOR NO KEY UPDATE OF k SKIP LOCKED
),

noted AS (
  INSERT INTO tickets_lanelook (lane_id, looked_from, looked_to)
  SELECT
    id,
    looked_from,
    first
  FROM look
  ON CONFLICT (lane_id) DO UPDATE
  SET
    looked_from = excluded.looked_from,
    looked_to = excluded.looked_to
)

UPDATE tickets_lane l
SET
  floor = f.first[1],
  floor_id = f.first[2]
FROM look f
WHERE l.id = f.id
  AND f.moved
