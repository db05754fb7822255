-- The full phases among those that `wanted` has (project_id and id), each with the ticket that waits there
-- longest: looked up once, however many tickets are asked about, because that looks at many others.
rooms AS MATERIALIZED (
  SELECT
    d.project_id,
    p.id AS room_id,
    p.workflow_id,
    p.name AS phase,
    p.wip,
    first.key,
    first.since,
    first.who,
    first.who IS NULL AND {full_circle} AS circle
  FROM (
    {wanted}
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
