-- The full phases that tickets `k` would move into, each with the one that waits there longest: looked up
-- once, however many tickets are asked about, because that looks at many others.
rooms AS MATERIALIZED (
  SELECT
    d.project_id,
    p.workflow_id,
    p.name AS phase,
    p.wip,
    first.key,
    first.since,
    first.who,
    first.who IS NULL AND {full_circle} AS circle
  FROM (
    SELECT DISTINCT
      k.project_id,
      x.id
    FROM tickets_ticket k
    CROSS JOIN LATERAL (
      SELECT *
      FROM tickets_workflowphase kp
      WHERE kp.workflow_id = k.workflow_id
        AND kp.name = k.phase
      OFFSET 0
    ) kp
    CROSS JOIN LATERAL (
      SELECT *
      FROM tickets_workflowphase x
      WHERE x.workflow_id = k.workflow_id
        AND x.wip IS NOT NULL
        AND (k.move_fault <> '' OR kp.automatic <> '' AND x.name = ANY (kp.moves_to))
      OFFSET 0
    ) x
    WHERE {tickets}
  ) d
  CROSS JOIN LATERAL (
    SELECT *
    FROM tickets_workflowphase p
    WHERE p.id = d.id
      AND omoi_full(d.project_id, p.workflow_id, p.name, p.wip)
    OFFSET 0
  ) p
  LEFT JOIN LATERAL (
    {longest_waiting}
  ) first ON true
)
