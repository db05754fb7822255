-- The agent's row, locked, in its newest version: here, or before this statement began.
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
    a.capabilities,
    a.pools,
    a.assigned
  FROM agents_agent a
  WHERE a.id = %(agent)s
    AND a.state = 'available'
  {lock_agent}
),

-- After the agent, so that retiring it, which locks both in this order, never meets a claim half way.
held_key AS MATERIALIZED ({held_key}
),

-- The agent with its projects that are not frozen, the number of tasks it holds and how many more it may take
-- now: `free`.
-- `latest` is its latest grant at the moment when its row was locked. If this statement's snapshot is older
-- than that grant, the agent was granted tasks while the statement waited for the row. If the row differs in
-- `version` from `seen`, which is the same row in the snapshot, its projects may have changed. Then the
-- statement does not know what the agent holds or where it may work, so it takes nothing and the caller runs
-- it again (`stale`). Where the row was locked before the statement began, none of this is asked. Nor does it
-- take anything while a task that was assigned to the agent by hand is to be
-- delivered first (`assigned`).
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
        WHERE NOT {frozen_project}
      )
      ELSE ARRAY(
        SELECT p.project_id
        FROM agents_agent_projects p
        WHERE p.agent_id = locked.id
          AND NOT {frozen_membership}
      )
    END AS projects,
    load.held,
    load.oldest,
    CASE
      WHEN known.stale OR load.alone OR locked.assigned AND {delivers_first} THEN 0
      ELSE greatest(0, least(%(limit)s::int, locked.capacity + %(ahead)s::int - load.held))
    END AS free
  FROM locked
  CROSS JOIN LATERAL omoi_latest_grant(locked.id) latest
  CROSS JOIN {known} known
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

{choice},

-- `stall_s`: as the task says, else its phase, else its project.
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
    lease_look_at = statement_timestamp()
      + least(%(lease_s)s::int, nullif({stall_s}, 0)) * interval '1 s',
    stall_s = {stall_s},
    active_at = clock_timestamp(),
    activity = '',
    stalled_at = NULL,
    started_at = CASE
      WHEN %(starting)s::bool
        OR {begins}
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

{tried}
log AS ({events}
)

-- The order of the rows is left to the caller: sorting a few in PostgreSQL costs more.
SELECT
  agent.stale,
  agent.free,
  agent.assigned,
  {guards} AS guards,
{missed}  t.*,
{brief}
FROM agent
LEFT JOIN granted t ON true
LEFT JOIN tickets_ticket k ON k.id = t.ticket_id
