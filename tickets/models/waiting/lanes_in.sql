-- Those with work. The order makes it one search of the index: EXISTS read all rows for a lane without any.
SELECT l.id
FROM tickets_lane l
WHERE l.id > %(after)s
  AND l.id <= %(upto)s
  AND (
    SELECT w.id
    FROM tickets_taskwait w
    WHERE w.lane_id = l.id
    ORDER BY
      w.lane_id,
      w.variant,
      w.id
    LIMIT 1
  ) IS NOT NULL
