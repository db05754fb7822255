-- The limits of the projects in `guards`, whose locks were taken before this statement began: nobody else is
-- granted work there before it commits. `open`: the agent may take any there. `tickets`: those in work, and
-- `more`, how many others may be begun. What people hold (without a lease) is not counted.
limits AS MATERIALIZED (
  SELECT
    j.id AS project_id,
    coalesce(c.agents < j.max_agents, true) AS vacant,
    coalesce(c.agents < j.max_agents, true) OR c.mine AS open,
    j.max_tickets IS NOT NULL AS by_ticket,
    c.live,
    c.tickets,
    greatest(0, j.max_tickets - cardinality(c.tickets)) AS more
  FROM agents_project j
  CROSS JOIN LATERAL (
    SELECT
      count(*) AS live,
      count(DISTINCT c.holder_id) AS agents,
      coalesce(bool_or(c.holder_id = %(agent)s), false) AS mine,
      coalesce(array_agg(DISTINCT c.ticket_id), '{}') AS tickets
    FROM tickets_task c
    WHERE c.project_id = j.id
      AND c.state = 'claimed'
      AND c.lease_expires_at IS NOT NULL
  ) c
  WHERE j.id = ANY (%(guards)s::bigint[])
    AND (j.max_agents IS NOT NULL OR j.max_tickets IS NOT NULL)
),

-- The lanes that the agent can serve. They are read once.
lanes AS MATERIALIZED (
  SELECT l.*
  FROM agent
  CROSS JOIN tickets_lane l
  WHERE {served}
),

-- How many more claims each pool that may be needed allows; they were locked before too.
rooms AS MATERIALIZED (
  SELECT
    p.name,
    r.room,
    p.closed_at IS NOT NULL AND r.due AND NOT r.opened AS due
  FROM agent
  JOIN agents_pool p
    ON p.name = ANY (
      agent.pools || CASE
        WHEN agent.runs_profiles THEN ARRAY(
          SELECT unnest(l.pools)
          FROM lanes l
          WHERE l.project_id = ANY (%(guards)s::bigint[])
        )
      END
    )
  CROSS JOIN {pool_room} r
),

-- How many tasks the agent's own pools allow it to take. With the locks of an earlier claim (`remembered`) it
-- takes none while other guarded lanes may have work: that may come first.
quota AS MATERIALIZED (
  SELECT
    CASE
      WHEN %(remembered)s::bool AND EXISTS (
        SELECT
        FROM lanes l
        WHERE {guarded}
          AND l.floor < {top}
          AND l.project_id <> ALL (%(guards)s::bigint[])
      ) THEN 0
      ELSE least(agent.free, min(r.room) FILTER (WHERE r.name = ANY (agent.pools)))
    END AS free
  FROM agent
  LEFT JOIN rooms r ON true
  GROUP BY agent.free, agent.pools
),

-- The pools that allow nothing; read only if somebody to leave tasks to names some.
shut AS MATERIALIZED (
  SELECT r.name::varchar
  FROM rooms r
  WHERE r.room <= 0
  UNION ALL
  SELECT p.name
  FROM agents_pool p
  CROSS JOIN {pool_room} r
  WHERE p.name NOT IN (SELECT name FROM rooms)
    AND r.room <= 0
),

-- The other live agents with room that fit a lane of tasks to avoid. They are looked up one by one, and only
-- until each of these lanes has found one (PostgreSQL reads a CTE as far as it is asked for).
others AS MATERIALIZED (
  SELECT
    a.capabilities,
    a.phases,
    a.runs_profiles,
    a.sees_all,
    a.capacity,
    c.held,
    c.projects AS works_in,
    m.projects
  FROM agents_agent a
  CROSS JOIN LATERAL (
    SELECT ARRAY(
      SELECT m.project_id
      FROM agents_agent_projects m
      WHERE m.agent_id = a.id
    ) AS projects
    OFFSET 0
  ) m
  CROSS JOIN LATERAL (
    SELECT
      count(*) AS held,
      coalesce(bool_or({other_runs_alone}), false) AS alone,
      array_agg(c.project_id) AS projects
    FROM tickets_task c
    WHERE c.holder_id = a.id
  ) c
  WHERE a.id <> %(agent)s
    AND a.state = 'available'
    AND EXISTS (
      SELECT
      FROM lanes l
      WHERE l.avoids
        AND {other_fits}
      OFFSET 0
    )
    AND (a.sees_all OR m.projects && ARRAY(SELECT l.project_id FROM lanes l WHERE l.avoids))
    AND (
      SELECT p.last_seen_at
      FROM agents_agentpresence p
      WHERE p.agent_id = a.id
    ) > clock_timestamp() - {heard}
    AND NOT c.alone
    AND c.held < a.capacity
    -- an agent whose pool allows nothing takes none
    AND (a.pools = '{}' OR NOT a.pools && ARRAY(SELECT name FROM shut))
),

-- The lanes whose tasks this agent leaves to others while it is to avoid them: those that another live agent
-- with room could take from.
left_to_others AS MATERIALIZED (
  SELECT l.id
  FROM lanes l
  LEFT JOIN limits b ON b.project_id = l.project_id
  WHERE l.avoids
    AND b.open IS NOT FALSE
    AND EXISTS (
      SELECT
      FROM others a
      WHERE {other_fits}
        AND (a.sees_all OR l.project_id = ANY (a.projects))
        AND (a.held = 0 OR NOT l.alone)
        AND (b.vacant IS NOT FALSE OR l.project_id = ANY (a.works_in))
      OFFSET 0
    )
),

{holding}
-- The lanes of which the agent may take something; of a guarded one only where its project is locked.
-- `begun`: where tickets in work are limited, those.
open_lanes AS MATERIALIZED (
  SELECT
    l.*,
    CASE WHEN b.by_ticket THEN b.tickets END AS begun
  FROM agent
  CROSS JOIN lanes l
  LEFT JOIN limits b ON b.project_id = l.project_id
  WHERE (SELECT free FROM quota) > 0
    AND {pools_allow}
    AND {wip_allows}
    AND b.open IS NOT FALSE
    AND (NOT {guarded} OR l.project_id = ANY (%(guards)s::bigint[]))
),

-- The first ready tasks of each of them that nobody avoids, with a few more, because another act may have
-- locked some.
first_unavoided AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    l.project_id,
    l.alone,
    l.stall_after_s,
    l.pools,
    h.rank,
    h.id,
    h.ticket_id
  FROM agent
  CROSS JOIN open_lanes l
  CROSS JOIN LATERAL (
    SELECT
      t.rank,
      t.id,
      t.ticket_id
    FROM tickets_task t
    WHERE t.lane_id = l.id
      AND {ready}
      AND (t.rank, t.id) >= (l.floor, l.floor_id)
    ORDER BY t.rank, t.id
    LIMIT agent.free + {spare}
  ) h
  WHERE NOT l.avoids
),

-- With the first of those that somebody avoids.
first_ready AS MATERIALIZED (
  SELECT *
  FROM first_unavoided
  UNION ALL
  SELECT
    l.id AS lane_id,
    l.project_id,
    l.alone,
    l.stall_after_s,
    l.pools,
    h.rank,
    h.id,
    h.ticket_id
  FROM agent
  CROSS JOIN open_lanes l
  CROSS JOIN LATERAL (
    SELECT
      t.rank,
      t.id,
      t.ticket_id
    FROM tickets_task t
    WHERE t.lane_id = l.id
      AND {ready}
      AND (t.rank, t.id) >= (l.floor, l.floor_id)
      AND ({avoided_or_late}) IS NOT TRUE
    ORDER BY t.rank, t.id
    LIMIT agent.free + {spare}
  ) h
  WHERE l.avoids
),

-- Where tickets in work are limited: those whose tasks may be granted. As many as there is room for are
-- begun, the most urgent first.
admitted AS MATERIALIZED (
  SELECT
    b.project_id,
    b.tickets || ARRAY(
      SELECT f.ticket_id
      FROM first_ready f
      WHERE f.project_id = b.project_id
        AND f.ticket_id <> ALL (b.tickets)
      GROUP BY 1
      ORDER BY min(ARRAY[f.rank, f.id])
      LIMIT b.more
    ) AS tickets
  FROM limits b
  WHERE b.by_ticket
),

near AS MATERIALIZED (
  SELECT f.*
  FROM first_ready f
  LEFT JOIN admitted d ON d.project_id = f.project_id
  WHERE d.tickets IS NULL
    OR f.ticket_id = ANY (d.tickets)
),

-- If these are too few, the tasks of tickets in work that stand behind those of tickets that may not begin.
heads AS MATERIALIZED (
  SELECT *
  FROM near
  UNION
  SELECT f.*
  FROM agent
  JOIN limits b ON b.by_ticket AND b.open
  CROSS JOIN unnest(b.tickets) k(id)
  CROSS JOIN LATERAL (
    SELECT
      l.id AS lane_id,
      l.project_id,
      l.alone,
      l.stall_after_s,
      l.pools,
      t.rank,
      t.id,
      k.id AS ticket_id
    FROM (
      SELECT
        t.id,
        t.rank,
        t.lane_id
      FROM tickets_task t
      WHERE t.ticket_id = k.id
        AND {ready}
        AND ({avoided}) IS NOT TRUE
      OFFSET 0
    ) t
    JOIN lanes l ON l.id = t.lane_id
    WHERE {pools_allow}
      AND {wip_allows}
    LIMIT agent.free
  ) f
  WHERE (SELECT count(*) FROM near) < agent.free
    AND (SELECT free FROM quota) > 0
),

{turns},

-- Of the tasks whose profile names a pool, those behind as many as it allows.
beyond AS MATERIALIZED (
  SELECT n.id
  FROM (
    SELECT
      h.id,
      r.room,
      row_number() OVER (PARTITION BY r.name ORDER BY h.place) AS number
    FROM rooms r
    JOIN places h ON r.name = ANY (h.pools)
  ) n
  WHERE n.number > n.room
),

picked AS MATERIALIZED (
  SELECT p.id
  FROM (
    SELECT h.id
    FROM places h
    WHERE h.id NOT IN (SELECT id FROM beyond)
    ORDER BY h.place
  ) q
  CROSS JOIN LATERAL (
    SELECT t.id
    FROM tickets_task t
    WHERE t.id = q.id
      AND {ready}
    FOR NO KEY UPDATE SKIP LOCKED
  ) p
  LIMIT (SELECT least(first_head.allowed, quota.free) FROM first_head, quota)
),

-- If something of a guarded lane is taken, or nothing at all: the projects of all guarded lanes that may have
-- work, also of those that are not locked now. With nothing taken, those that are locked stay among them.
guards AS MATERIALIZED (
  SELECT array_to_json(array_agg(DISTINCT l.project_id)) AS projects
  FROM agent
  CROSS JOIN (SELECT count(*) AS taken FROM picked) k
  JOIN lanes l
    ON {guarded}
      AND (l.floor < {top} OR k.taken = 0 AND l.project_id = ANY (%(guards)s::bigint[]))
  HAVING bool_or(
    k.taken = 0
    OR l.id = ANY (
      ARRAY(
        SELECT h.lane_id
        FROM picked p
        JOIN heads h ON h.id = p.id
      )
    )
  )
)
