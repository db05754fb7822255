
    SELECT ARRAY[t.rank, t.id] AS place
    FROM tickets_task t
    WHERE t.lane_id = k.id
      AND {ready}
      {bound}
    ORDER BY t.rank, t.id
    LIMIT 1