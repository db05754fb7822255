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

-- The lanes whose tasks this agent leaves to others while it is to avoid them: those that another live agent
-- with room could take from.
left_to_others AS MATERIALIZED (
  SELECT l.id
  FROM agent
  CROSS JOIN lanes l
  LEFT JOIN limits b ON b.project_id = l.project_id
  WHERE l.avoids
    AND b.open IS NOT FALSE
    AND EXISTS (
      SELECT
      FROM agents_agent a
      CROSS JOIN LATERAL (
        SELECT
          count(*) AS held,
          coalesce(bool_or({other_runs_alone}), false) AS alone,
          coalesce(bool_or(c.project_id = l.project_id), false) AS inside
        FROM tickets_task c
        WHERE c.holder_id = a.id
      ) c
      WHERE a.id <> agent.id
        AND a.state = 'available'
        AND {other_fits}
        AND (
          a.sees_all
          OR EXISTS (
            SELECT
            FROM agents_agent_projects m
            WHERE m.agent_id = a.id
              AND m.project_id = l.project_id
          )
        )
        AND (
          SELECT p.last_seen_at
          FROM agents_agentpresence p
          WHERE p.agent_id = a.id
        ) > clock_timestamp() - {heard}
        AND NOT c.alone
        AND c.held < CASE WHEN l.alone THEN 1 ELSE a.capacity END
        -- an agent whose pool allows nothing takes none
        AND (a.pools = '{}' OR NOT a.pools && ARRAY(SELECT name FROM shut))
        AND (b.vacant IS NOT FALSE OR c.inside)
    )
),

{holding}
-- The first ready tasks of each lane that the agent can serve, with a few more, because another act may have
-- locked some. Of a guarded lane only where its project is locked.
first_ready AS MATERIALIZED (
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
  CROSS JOIN lanes l
  LEFT JOIN limits b ON b.project_id = l.project_id
  CROSS JOIN LATERAL (
    SELECT
      t.rank,
      t.id,
      t.ticket_id
    FROM tickets_task t
    WHERE t.lane_id = l.id
      AND {ready}
      AND (t.rank, t.id) >= (l.floor, l.floor_id)
      AND ({avoided}) IS NOT TRUE
    ORDER BY t.rank, t.id
    LIMIT agent.free + {spare}
  ) h
  WHERE (SELECT free FROM quota) > 0
    AND {pools_allow}
    AND {wip_allows}
    AND b.open IS NOT FALSE
    AND (NOT {guarded} OR l.project_id = ANY (%(guards)s::bigint[]))
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
