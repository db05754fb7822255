-- A lane in which a worker would find something.
SELECT l.id
FROM tickets_lane l
CROSS JOIN LATERAL (
  SELECT
  FROM tickets_task t
  WHERE t.lane_id = l.id
    AND {ready}
    AND (t.rank, t.id) >= (l.floor, l.floor_id)
  LIMIT 1
) r
WHERE l.has_profile
  AND NOT l.paused
  AND NOT {frozen}
LIMIT 1
