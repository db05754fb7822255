-- What the list and the page of a project show of these projects. Open tickets are counted up to `most`, and
-- of each project so many claims are looked at.
SELECT
  p.id,
  p.key,
  p.name,
  p.workflow,
  p.paused,
  p.pause_reason,
  p.paused_at,
  ARRAY(SELECT jsonb_object_keys(p.paused_phases) ORDER BY 1) AS paused_phases,
  {frozen} AS frozen,
  p.max_agents,
  p.max_tickets,
  (SELECT count(*) FROM agents_member m WHERE m.project_id = p.id) AS members,
  (
    SELECT count(*)
    FROM agents_agent_projects m
    JOIN agents_agent a ON a.id = m.agent_id
    WHERE m.project_id = p.id
      AND a.kind <> 'person'
      AND a.state <> 'retired'
  ) AS agents,
  opened.n AS tickets,
  work.agents AS working,
  work.tickets AS in_work,
  work.n AS claims
FROM agents_project p
CROSS JOIN LATERAL (
  SELECT count(*) AS n
  FROM (
    SELECT
    FROM tickets_ticketwait w
    WHERE w.project_id = p.id
    ORDER BY w.id
    LIMIT %(most)s::bigint
  ) w
) opened
CROSS JOIN LATERAL (
  SELECT
    count(*) AS n,
    count(DISTINCT t.holder_id) AS agents,
    count(DISTINCT t.ticket_id) AS tickets
  FROM (
    SELECT
      t.holder_id,
      t.ticket_id
    FROM tickets_task t
    WHERE t.project_id = p.id
      AND t.state = 'claimed'
    ORDER BY t.id
    LIMIT %(most)s::bigint
  ) t
) work
WHERE p.id = ANY (%(ids)s::bigint[])
ORDER BY p.key
