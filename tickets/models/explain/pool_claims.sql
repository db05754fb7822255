-- The claims of pool `p`: of agents that name it, and of workers whose task has a profile that does. Each
-- kind of agent has an index of its own; OR would read them all. What they hold is read at once, however many
-- they are.
(
  (
    SELECT count(*)
    FROM tickets_task t
    WHERE t.holder_id = ANY (ARRAY(
      SELECT a.id
      FROM agents_agent a
      WHERE a.pools @> ARRAY[p.name]
    ))
      AND {lease_holds}
  )
  + (
    SELECT count(*)
    FROM (
      SELECT t.lane_id
      FROM tickets_task t
      WHERE t.holder_id = ANY (ARRAY(
        SELECT a.id
        FROM agents_agent a
        WHERE a.runs_profiles
          AND NOT a.pools @> ARRAY[p.name]
      ))
        AND {lease_holds}
      OFFSET 0
    ) t
    WHERE EXISTS (
      SELECT
      FROM tickets_lane l
      WHERE l.id = t.lane_id
        AND l.pools @> ARRAY[p.name]
    )
  )
)::int
