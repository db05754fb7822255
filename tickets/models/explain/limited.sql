-- What is at work in each of these projects that has limits.
limited AS MATERIALIZED (
  SELECT
    j.id AS project_id,
    j.max_agents,
    j.max_tickets,
    coalesce(c.agents >= j.max_agents, false) AS agents_full,
    CASE WHEN cardinality(c.tickets) >= j.max_tickets THEN c.tickets END AS tickets_full
  FROM agents_project j
  CROSS JOIN LATERAL (
    SELECT
      count(DISTINCT t.holder_id) AS agents,
      coalesce(array_agg(DISTINCT t.ticket_id), '{}') AS tickets
    FROM tickets_task t
    WHERE t.project_id = j.id
      AND t.state = 'claimed'
      AND {lease_holds}
  ) c
  WHERE j.id = ANY (ARRAY({projects}))
    AND num_nonnulls(j.max_agents, j.max_tickets) > 0
)
