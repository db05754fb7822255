
-- The first task granted of a pool that is due tries it out.
tried AS (
  UPDATE agents_pool p
  SET
    probe_task = f.id,
    probe_fence = f.fence
  FROM (
    SELECT DISTINCT ON (r.name)
      r.name,
      g.id,
      g.fence
    FROM rooms r
    -- OFFSET 0: without a pool that is due no task is read again
    CROSS JOIN LATERAL (
      SELECT
        g.id,
        g.fence,
        g.rank
      FROM agent
      CROSS JOIN granted g
      JOIN tickets_task t ON t.id = g.id
      JOIN tickets_lane l ON l.id = t.lane_id
      WHERE r.name = ANY (agent.pools || l.pools)
      OFFSET 0
    ) g
    WHERE r.due
    ORDER BY
      r.name,
      g.rank,
      g.id
  ) f
  WHERE p.name = ANY (ARRAY(SELECT r.name FROM rooms r WHERE r.due))
    AND p.name = f.name
),
