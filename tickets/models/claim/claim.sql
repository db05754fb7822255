-- The agent's row, locked, in its newest version.
WITH locked AS MATERIALIZED (
  SELECT
    a.id,
    a.name,
    a.state,
    a.capacity,
    a.version,
    a.runs_profiles,
    a.sees_all,
    a.phases,
    a.capabilities
  FROM agents_agent a
  WHERE a.id = %(agent)s
    AND a.state = 'available'
  FOR NO KEY UPDATE
),

-- After the agent, so that retiring it, which locks both in this order, never meets a claim half way.
held_key AS MATERIALIZED ({held_key}
),

-- The agent with its projects, the number of tasks it holds and how many more it may take now: `free`.
-- `latest` is its latest grant at the moment when its row was locked. If this statement's snapshot is older
-- than that grant, the agent was granted tasks while the statement waited for the row. If the row differs in
-- `version` from `seen`, which is the same row in the snapshot, its projects may have changed. Then the
-- statement does not know what the agent holds or where it may work, so it takes nothing and the caller runs
-- it again (`stale`).
-- No task that it holds was claimed before `oldest_held`: an old snapshot keeps what was held earlier in the
-- index, and this skips it.
agent AS MATERIALIZED (
  SELECT
    locked.*,
    latest.id AS latest_grant,
    known.stale,
    CASE
      WHEN locked.sees_all THEN ARRAY(
        SELECT p.id
        FROM agents_project p
      )
      ELSE ARRAY(
        SELECT p.project_id
        FROM agents_agent_projects p
        WHERE p.agent_id = locked.id
      )
    END AS projects,
    load.held,
    load.oldest,
    CASE
      WHEN known.stale OR load.alone THEN 0
      ELSE greatest(0, least(%(limit)s::int, locked.capacity + %(ahead)s::int - load.held))
    END AS free
  FROM locked
  JOIN agents_agent seen ON seen.id = locked.id
  CROSS JOIN LATERAL omoi_latest_grant(locked.id) latest
  CROSS JOIN LATERAL (
    SELECT coalesce({granted_unseen}, false) OR locked.version <> seen.version AS stale
  ) known
  CROSS JOIN LATERAL (
    SELECT
      count(*)::int AS held,
      min(h.claimed_at) AS oldest,
      coalesce(bool_or({held_runs_alone}), false) AS alone
    FROM tickets_task h
    WHERE h.holder_id = locked.id
      AND h.claimed_at >= coalesce(latest.oldest_held, '-infinity')
  ) load
  WHERE {key_holds}
),

-- The first ready tasks of each lane that the agent can serve. Nothing is locked yet.
heads AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    l.alone,
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
    AND NOT l.paused
    AND {agent_fits}
    AND l.project_id = ANY (agent.projects)
    AND (
      %(capabilities)s::varchar[] IS NULL
      OR l.capabilities <@ %(capabilities)s::varchar[]
    )
    AND (
      %(phases)s::varchar[] IS NULL
      OR l.phase = ANY (%(phases)s::varchar[])
    )
    AND (
      %(project)s::varchar IS NULL
      OR l.project_id = (
        SELECT j.id
        FROM agents_project j
        WHERE j.key = %(project)s::varchar
      )
    )
),

-- The most urgent of these tasks, and how many tasks may be taken because of it. If it must run alone, an
-- agent that holds nothing takes only this task. Agents that hold something skip it, except the first
-- available agent that fits: that one takes nothing, so that it becomes free for the task.
first_head AS MATERIALIZED (
  SELECT
    h.alone,
    CASE
      WHEN NOT h.alone THEN agent.free
      WHEN agent.held = 0 THEN 1
      WHEN EXISTS (
        SELECT
        FROM tickets_lane l
        JOIN agents_agent a ON {other_fits}
        JOIN agents_agentpresence p ON p.agent_id = a.id
        WHERE l.id = h.lane_id
          AND a.id < agent.id
          AND a.state = 'available'
          AND p.last_seen_at > clock_timestamp() - {heard}
      ) THEN agent.free
      ELSE 0
    END AS allowed
  FROM heads h
  CROSS JOIN agent
  ORDER BY h.rank, h.id
  LIMIT 1
),

-- How many tasks each lane has among the most urgent ones, and its first (rank and id).
quota AS MATERIALIZED (
  SELECT
    h.lane_id,
    min(ARRAY[h.rank, h.id]) AS first,
    count(*) FILTER (WHERE h.place <= (SELECT free FROM agent)) AS allowed
  FROM (
    SELECT
      *,
      row_number() OVER (ORDER BY rank, id) AS place
    FROM heads
    WHERE NOT alone
      OR (SELECT first_head.alone AND agent.held = 0 FROM first_head, agent)
  ) h
  GROUP BY 1
),

-- Lock exactly the tasks to take, and skip those that another claim has locked. Lanes without a quota come
-- last: they replace tasks that others took.
picked AS MATERIALIZED (
  SELECT p.id
  FROM (
    SELECT *
    FROM quota
    ORDER BY allowed = 0, first
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
  LIMIT (SELECT allowed FROM first_head)
),

-- ANY (ARRAY(...)): joined with `picked`, the update would read the whole table. Nor is it joined with
-- `agent`: PostgreSQL would copy that row for each task.
granted AS (
  UPDATE tickets_task t
  SET
    state = 'claimed',
    holder_id = %(agent)s,
    fence = t.fence + 1,
    attempts = t.attempts + 1,
    events = t.events + 1,
    claimed_at = clock_timestamp(),
    lease_s = %(lease_s)s::int,
    lease_expires_at = clock_timestamp() + %(lease_s)s::int * interval '1 s',
    lease_look_at = statement_timestamp() + %(lease_s)s::int * interval '1 s',
    started_at = CASE
      WHEN %(starting)s::bool
        OR NOT (SELECT runs_profiles FROM agent)
        OR t.profile = ANY (%(starting_profiles)s::varchar[])
      THEN clock_timestamp()
    END,
    timeout_at = clock_timestamp() + t.timeout_s * interval '1 s',
    progress = '{}',
    granted_with = %(granted_with)s
  WHERE t.id = ANY (ARRAY(SELECT id FROM picked))
  RETURNING {granted}, t.project_id, t.events
),

-- The agent held nothing older than `oldest`, and what it is granted now is younger than this statement.
counted AS (
  INSERT INTO tickets_latestgrant (agent_id, oldest_held, replaces)
  SELECT
    agent.id,
    least(agent.oldest, statement_timestamp()),
    agent.latest_grant
  FROM agent
  WHERE EXISTS (SELECT FROM granted)
),

log AS ({events}
)

-- The order of the rows is left to the caller: sorting a few in PostgreSQL costs more.
SELECT
  agent.stale,
  agent.free,
{missed}  t.*,
{brief}
FROM agent
LEFT JOIN granted t ON true
LEFT JOIN tickets_ticket k ON k.id = t.ticket_id
