-- The first ready tasks of each lane that the agent can serve. Nothing is locked yet.
heads AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    l.project_id,
    l.alone,
    l.stall_after_s,
    {guarded} AS guarded,
    h.rank,
    h.id
  FROM agent
  CROSS JOIN tickets_lane l
  CROSS JOIN LATERAL (
    SELECT
      t.rank,
      t.id
    FROM tickets_task t
    WHERE t.lane_id = l.id
      AND {ready}
      AND (t.rank, t.id) >= (l.floor, l.floor_id)
    ORDER BY t.rank, t.id
    LIMIT agent.free
  ) h
  WHERE agent.free > 0
    AND {served}
),

{turns},

-- How many tasks each lane has among the first ones, and its first (rank and id).
quota AS MATERIALIZED (
  SELECT
    h.lane_id,
    h.project_id,
    h.guarded,
    min(ARRAY[h.rank, h.id]) AS first,
    min(h.place) AS place,
    count(*) FILTER (WHERE h.place <= (SELECT free FROM agent)) AS allowed
  FROM places h
  GROUP BY 1, 2, 3
),

-- If one of the first tasks is in a guarded lane, nothing is taken here: the projects of the guarded lanes.
guards AS MATERIALIZED (
  SELECT array_to_json(array_agg(DISTINCT q.project_id) FILTER (WHERE q.guarded)) AS projects
  FROM quota q
  HAVING bool_or(q.guarded AND q.allowed > 0)
),

-- Lock exactly the tasks to take, and skip those that another claim has locked. Lanes without a quota come
-- last: they replace tasks that others took.
picked AS MATERIALIZED (
  SELECT p.id
  FROM (
    SELECT *
    FROM quota
    WHERE NOT guarded
    ORDER BY allowed = 0, place
  ) q
  CROSS JOIN LATERAL (
    SELECT t.id
    FROM tickets_task t
    WHERE t.lane_id = q.lane_id
      AND {ready}
      AND (t.rank, t.id) >= (q.first[1], q.first[2])
    ORDER BY t.rank, t.id
    LIMIT CASE WHEN q.allowed > 0 THEN q.allowed ELSE %(limit)s::bigint END
    FOR NO KEY UPDATE SKIP LOCKED
  ) p
  LIMIT (SELECT CASE WHEN EXISTS (SELECT FROM guards) THEN 0 ELSE allowed END FROM first_head)
)
