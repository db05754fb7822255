-- The agents that fit each of these lanes. The lanes and the agents are read once, however many tasks are
-- asked about.
fleet_lanes AS MATERIALIZED (
  SELECT
    l.id,
    l.project_id,
    l.workflow_id,
    l.phase,
    l.capabilities,
    l.has_profile,
    l.alone
  FROM tickets_lane l
  WHERE l.id = ANY (
    ARRAY(
      {lanes}
    )
  )
),
{fleet_agents},
{limited},
fleets AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    f.*,
    b.max_agents,
    b.max_tickets,
    coalesce(b.agents_full, false) AND f.inside = 0 AS agents_full,
    -- if a pool of each agent that could take it allows nothing: the one that is open first
    CASE
      WHEN b.agents_full AND f.inside_in_quota = 0 THEN f.inside_barred
      WHEN b.agents_full IS NOT TRUE AND f.in_quota = 0 THEN f.barred
    END AS pools_shut,
    CASE WHEN b.agents_full THEN f.inside_kept ELSE f.kept END AS pools_keep,
    b.tickets_full
  FROM fleet_lanes l
  CROSS JOIN LATERAL (
    {fleet}
  ) f
  LEFT JOIN limited b ON b.project_id = l.project_id
),
-- Of each project and workflow, the phase that holds another one's work back: looked up once, however many
-- tasks or lanes are asked about, because that looks at many tickets.
holding AS MATERIALIZED (
  SELECT
    d.project_id,
    d.workflow_id,
    d.phase AS held,
    h.*
  FROM (
    SELECT DISTINCT
      l.project_id,
      l.workflow_id,
      l.phase
    FROM fleet_lanes l
  ) d
  CROSS JOIN LATERAL (
    SELECT *
    FROM (
      {holding_phases}
    ) h
    WHERE jsonb_exists(h.wip->'holds', d.phase)
    ORDER BY h.phase
    LIMIT 1
  ) h
)
