"""The conditions that claims, sweeps and explanations share, as SQL.

In the SQL, `t` is the task, `k` its ticket, `l` its lane, `j` its project, `h` its holder with presence `hp`,
`z` the freeze that holds it, `tp` and `kp` the phases of task and ticket, `o.phases` those open now, `n` the
summary of its needs, `q` what its pools allow, `w` the phase that is full, and `f` the agents that fit its
lane. For a ticket, `c` counts the tasks of its open phases.
"""

from __future__ import annotations

from agents.models.scopes import WORKING_ROLES
from omoi_site.database import sql
from tickets.models.freeze.frozen import freezes, frozen
from tickets.models.task.readiness import (
    CRITICAL,
    DUE,
    FREE,
    MET,
    MOST_RATE_LIMITS,
    PENDING,
    READY,
    WORK,
    ready_sql,
)

# -- the conditions of the claim, one by one

# Whether the agent `{agent}` may do the work of lane `l`; membership of the project is checked separately.
FITS = (
    "l.has_profile = {agent}.runs_profiles AND l.capabilities <@ {agent}.capabilities"
    " AND ({agent}.phases = '{{}}' OR l.phase = ANY ({agent}.phases))"
)

# Whether something must be counted under a lock before the agent `agent` is granted a task of lane `l`.
GUARDED = "(l.guarded OR l.pools IS NOT NULL OR agent.pools <> '{}')"

# A task that was running in so many workers when they died runs alone in its worker; with one more death it
# fails.
DEATHS_ALONE = 2
RUNS_ALONE = f"{{task}}.worker_deaths >= {DEATHS_ALONE}"

# -- the facts behind stored answers

# `o.phases`: the phases whose tasks can be claimed now: that of ticket `k`, and if it is `on_claim` also the
# next.
OPEN_PHASES = sql.statement(__file__, "open_phases")
EACH_OPEN_PHASES = f"CROSS JOIN {OPEN_PHASES}"
IN_OPEN_PHASE = "t.phase = ANY (o.phases)"
CLOCK_SILENT = "interval '15 s'"
CLOCK_RUNS = f"""
EXISTS (
  SELECT
  FROM tickets_sweeprun r
  WHERE r.name = 'clock'
    AND r.at > clock_timestamp() - {CLOCK_SILENT}
)
"""
# Since when no clock runs; null: one does. A new installation has a minute to start its first.
CLOCK_LATE_SINCE = sql.statement(__file__, "clock_late_since", clock_runs=CLOCK_RUNS.strip())
CLOCK = f"CASE WHEN {CLOCK_RUNS} THEN 'clock' ELSE 'operator' END"
HEARD = "interval '90 s'"
# When the sweep {sweep} last ran, if it did not run for a while since: the machine slept or the database was
# away, and nobody could renew.
ABSENT_SINCE = """
(
  SELECT r.at
  FROM tickets_sweeprun r
  WHERE r.name = {sweep}
    AND r.at < greatest(pg_postmaster_start_time(), clock_timestamp() - interval '15 s')
)
"""
# Whether the lease of task `t` holds. A holder that comes back before the first sweep is still the holder,
# because that sweep would extend its lease.
LEASE_HOLDS = f"""
(
  t.lease_expires_at > clock_timestamp()
  OR t.lease_expires_at > {ABSENT_SINCE.format(sweep="'lapse'")}
  AND t.lease_expires_at IS DISTINCT FROM t.extended_to
)
"""

# How many more claims pool `p` allows, see pool_room.sql.
POOL_CLAIMS = sql.statement(__file__, "pool_claims", lease_holds=LEASE_HOLDS.strip()).strip()
POOL_ROOM = sql.statement(__file__, "pool_room", lease_holds=LEASE_HOLDS.strip(), claims=POOL_CLAIMS).strip()
BARRING = sql.statement(__file__, "barring", room=POOL_ROOM).rstrip()


def barred_by(pools: str) -> str:
    """SQL: the pool of these names (an array) that allows nothing, with why and until when; null if none."""
    return sql.statement(__file__, "barred_by", pools=pools).strip()


# Of agent `a` in `fleet_agents`: whether it may do the work of lane `l`, and take a task of it beside what it
# holds.
MAY_WORK = sql.statement(__file__, "may_work", fits=FITS.format(agent="a")).rstrip()
HAS_ROOM = "CASE WHEN l.alone THEN a.held = 0 ELSE a.held < a.capacity AND NOT a.holds_alone END"
FLEET = sql.statement(__file__, "fleet", heard=HEARD, has_room=HAS_ROOM, may_work=MAY_WORK)


def fleet_agents_of(projects: str) -> str:
    """SQL: the CTE `fleet_agents`, of the agents in the projects whose ids the query `projects` gives."""
    return sql.statement(
        __file__,
        "fleet_agents",
        projects=projects,
        runs_alone=RUNS_ALONE.format(task="t"),
        lease_holds=LEASE_HOLDS,
        barring=BARRING,
        barred_by=barred_by("a.pools"),
    ).rstrip()


def limited_of(projects: str) -> str:
    """SQL: the CTE `limited`, of the projects with limits among those whose ids the query `projects` gives.

    Where they are reached, `agents_full` holds and `tickets_full` has the tickets in work.
    """
    return sql.statement(__file__, "limited", projects=projects, lease_holds=LEASE_HOLDS).rstrip()


# -- a ticket that moves by itself, or waits for people

# The phase `x`, into which `tickets_ticket` moves, is full.
FULL = "omoi_full(tickets_ticket.project_id, p.workflow_id, x.name, x.wip)"
# An automatic move of `tickets_ticket` is due; there is room for it; it waits for room.
AUTOMATIC, HAS_ROOM_ONWARD, LACKS_ROOM = (
    sql.statement(__file__, "automatic", room=room)
    for room in ("", f"AND (x.wip IS NULL OR NOT {FULL})", f"AND x.wip IS NOT NULL AND {FULL}")
)
# The last decision about what ticket `tickets_ticket` shows that counts or stands.
LAST_DECISION = """
(
  SELECT d.state
  FROM omoi_decisions(tickets_ticket.id, tickets_ticket.phase) d
  WHERE d.state IN ('counts', 'stands')
  ORDER BY d.id DESC
  LIMIT 1
)
"""
ASKS_FOR_APPROVALS = sql.statement(__file__, "asks_for_approvals")
AWAITS_APPROVAL = sql.statement(__file__, "awaits_approval", last_decision=LAST_DECISION)
# Of the tickets that stand in a phase `p`, the one that waits for people longest, see longest_waiting.sql.
LOOKED_AT = 200  # tickets of a phase
FOLLOWED = 500  # tasks that those of a ticket need
PEOPLE_WAIT = sql.statement(
    __file__,
    "people_wait",
    awaits_approval=AWAITS_APPROVAL.replace("tickets_ticket.", "k.").strip(),
    open_phases=OPEN_PHASES.strip(),
    in_open_phase=IN_OPEN_PHASE,
    automatic=AUTOMATIC.replace("tickets_ticket.", "k."),
).rstrip()


def longest_waiting(project: str, asked: str = "true") -> str:
    return sql.statement(
        __file__,
        "longest_waiting",
        project=project,
        asked=asked,
        looked_at=str(LOOKED_AT),
        people_wait=PEOPLE_WAIT,
    ).rstrip()


def full_circle(project: str) -> str:
    return sql.statement(
        __file__, "full_circle", project=project, looked_at=str(LOOKED_AT), followed=str(FOLLOWED)
    ).rstrip()


def holding_phases(*, project: str, workflow: str) -> str:
    """SQL: the phases that hold others, see holding_phases.sql."""
    return sql.statement(
        __file__,
        "holding_phases",
        project=project,
        workflow=workflow,
        longest_waiting=longest_waiting(project),
        full_circle=full_circle(project),
    ).rstrip()


# A later phase that is full holds the work of lane `l` back.
LANE_HELD_BACK = (
    f"EXISTS (SELECT FROM ({holding_phases(project='l.project_id', workflow='l.workflow_id')}) h"
    " WHERE jsonb_exists(h.wip->'holds', l.phase))"
)

# -- a task with everything that an explanation needs

# Join `fleets` and `holding`, which each statement defines with `fleets_of`.
LANE_JOINS = sql.statement(
    __file__,
    "lane_joins",
    freezes=freezes("t.project_id"),
    barred_by=barred_by("l.pools"),
).rstrip()
TASK_JOINS = sql.statement(
    __file__,
    "task_joins",
    lane_joins=LANE_JOINS,
    join_open_phases=EACH_OPEN_PHASES,
    needs=sql.statement(__file__, "needs", met=MET),
)
FROM_TASK = f"FROM tickets_task t\n{TASK_JOINS}"


def fleets_of(tasks: str) -> str:
    """SQL: the agents that fit the lanes of the pending tasks `t` for which `tasks` holds."""
    return fleets_of_lanes(sql.statement(__file__, "lanes_of_pending", tasks=tasks).rstrip())


def fleets_of_lanes(lanes: str) -> str:
    """SQL: the agents that fit the lanes whose ids the query `lanes` gives."""
    projects = "SELECT l.project_id FROM fleet_lanes l"
    return sql.statement(
        __file__,
        "fleets",
        fleet_agents=fleet_agents_of(projects),
        limited=limited_of(projects),
        fleet=FLEET,
        lanes=lanes,
        holding_phases=holding_phases(project="d.project_id", workflow="d.workflow_id"),
    ).rstrip()


def rooms_of(tickets: str) -> str:
    """SQL: the full phases that the tickets `k` would move into for which `tickets` holds."""
    return rooms_in(sql.statement(__file__, "rooms_onward", tickets=tickets).rstrip())


def rooms_in(wanted: str) -> str:
    """SQL: the CTE `rooms`, of the phases that are full among those that the query `wanted` gives."""
    return sql.statement(
        __file__,
        "rooms",
        wanted=wanted,
        longest_waiting=longest_waiting("d.project_id"),
        full_circle=full_circle("d.project_id"),
    ).rstrip()


# Since when task `t` is ready and nobody has it: its claim may have ended without a failure.
READY_SINCE = "greatest(t.ready_at, t.active_at)"
# A critical task, and ready for so long that somebody should look why nobody takes it. The bound is asked for
# once, and of `ready_at` alone, so that an index finds these tasks.
LONG_AGO = "(SELECT clock_timestamp()) - interval '60 s'"
CRITICAL_LONG = f"""
{CRITICAL}
AND t.ready_at < {LONG_AGO}
AND coalesce(t.active_at < {LONG_AGO}, true)
""".strip()
LEASED = f"t.state = 'claimed' AND {LEASE_HOLDS}"
LEASE_OVER = f"t.state = 'claimed' AND t.lease_expires_at IS NOT NULL AND ({LEASE_HOLDS}) IS NOT TRUE"
# A person holds it: without a lease, until they settle it or hand it back, or it is reassigned.
BY_HAND = "t.state = 'claimed' AND t.lease_expires_at IS NULL"
# A person has held task `t` for so long that somebody should ask.
HELD_LONG = "t.claimed_at < clock_timestamp() - interval '24 h'"
# That person, whose row is `h`, may work in the project of task `t`.
MAY_STILL_WORK = sql.statement(
    __file__,
    "may_still_work",
    roles=", ".join(f"'{role}'" for role in WORKING_ROLES),
).strip()
# The claim is the last attempt. A task that had not started costs no attempt and is given back.
LAST_ATTEMPT = f"""
t.started_at IS NOT NULL
AND (t.attempts >= t.max_attempts OR h.runs_profiles AND {RUNS_ALONE.format(task="t")})
"""
# When the claim of task `t` is stalled, if it shows no progress until then; and when it is taken back, which
# happens only if its holder shows progress by marks, or if the task says itself how long it may take. Null:
# never.
STALLS_AT = "(t.active_at + nullif(t.stall_s, 0) * interval '1 s')"
TAKEN_AT = """
(
  t.active_at + (
    nullif(t.stall_s, 0) + (
      SELECT g.stall_grace_s
      FROM agents_project g
      WHERE g.id = t.project_id
    )
  ) * interval '1 s'
)""".strip()
TAKEABLE = "(t.activity <> '' OR t.stall_after_s IS NOT NULL)"
TAKE_BACK_DUE = f"{TAKEABLE} AND {TAKEN_AT} < clock_timestamp()"
NO_PROGRESS = f"{STALLS_AT} < clock_timestamp()"
IN_TIME = f"{LEASED} AND coalesce(t.timeout_at > clock_timestamp(), true)"
SILENT = f"coalesce(hp.last_seen_at < clock_timestamp() - {HEARD}, true)"
# Its holder is silent, and no limit of progress is passed: nothing but the end of the lease will change that.
SILENT_CLAIM = f"{IN_TIME} AND {SILENT} AND ({NO_PROGRESS}) IS NOT TRUE"
ALL_SILENT = sql.statement(
    __file__, "all_silent", silent_claim=SILENT_CLAIM, often=str(MOST_RATE_LIMITS), ready=READY
).rstrip()


def silent_holders(ticket: str) -> str:
    """SQL: who holds the claims of a ticket, all of whom are silent; for `all_silent` in ticket_sentences."""
    return sql.statement(__file__, "silent_holders", ticket=ticket).strip()


FAILED_OPEN = "t.state = 'failed' AND k.phase <> 'CANCELLED' AND coalesce(kp.moves_to <> '{}', true)"
FROZEN = "z.since IS NOT NULL"
READY_NOW = f"""
{ready_sql("not_due")}
AND NOT l.paused
AND NOT {FROZEN}
AND ({DUE} OR t.not_before <= clock_timestamp())
"""
# The limits of its project are reached: for agents, none of those at work can take it; for tickets, its own
# is not in work.
AGENTS_FULL = f"{READY_NOW} AND f.roomy > 0 AND f.agents_full"
TICKETS_FULL = f"{READY_NOW} AND f.roomy > 0 AND coalesce(t.ticket_id <> ALL (f.tickets_full), false)"
# Another phase is full and holds that of the task.
HELD_BACK = f"{READY_NOW} AND w.phase IS NOT NULL"
LIMITED = f"({AGENTS_FULL} OR {TICKETS_FULL})"
# One of the tasks of ticket `k` is claimed.
IN_WORK = f"""
EXISTS (
  SELECT
  FROM tickets_task t
  WHERE t.ticket_id = k.id
    AND t.state = 'claimed'
    AND {LEASE_HOLDS}
)
""".strip()
HELD = f"{PENDING} AND {WORK} AND NOT ({FREE})"

# -- a ticket

QUOTED = 300  # characters of an error that an explanation quotes
STALLED = f"tickets_ticket.move_fault <> '' AND {AUTOMATIC}"  # due, but the move failed
# An automatic move is due and may be made.
MOVES_NOW = f"{HAS_ROOM_ONWARD}\nAND NOT {frozen('tickets_ticket.project_id')}"
MOVE_DUE, MOVES_ON, WAITS_FOR_ROOM, STUCK = (
    each.replace("tickets_ticket.", "k.") for each in (AUTOMATIC, HAS_ROOM_ONWARD, LACKS_ROOM, STALLED)
)
# Automatic moves lag behind: how many tickets wait, and for how many seconds the first of them. The sweep
# over all tickets finds that out, so nobody who asks has to.
MOVES_LATE = """
(
  SELECT
    r.waiting,
    extract(epoch FROM clock_timestamp() - r.waiting_since)::float8 AS age
  FROM tickets_sweeprun r
  WHERE r.name = 'advance_tickets'
    AND r.waiting_since IS NOT NULL
    AND r.at > clock_timestamp() - interval '60 s'
) late
"""
REFUSED = sql.statement(__file__, "refused")
# The last decision about it refused it, and what that was about has not changed.
DISAPPROVED = f"kp.approvals IS NOT NULL AND {LAST_DECISION.replace('tickets_ticket.', 'k.')} = 'stands'"
TURNED_DOWN = f"{REFUSED} OR {DISAPPROVED}"
OPEN_TASKS = f"""
FROM tickets_task t
WHERE t.ticket_id = k.id
  AND t.state IN ('pending', 'claimed')
  AND NOT t.unsatisfiable
  AND {IN_OPEN_PHASE}
ORDER BY
  t.state,
  t.id
"""

# Join `rooms`, which each statement defines with `rooms_of`.
FROM_TICKET = sql.statement(
    __file__,
    "from_ticket",
    freezes=freezes("k.project_id"),
    join_open_phases=EACH_OPEN_PHASES,
    in_open_phase=IN_OPEN_PHASE,
    quoted=str(QUOTED),
    waits_for_room=sql.statement(__file__, "waits_for_room", turned_down=TURNED_DOWN).rstrip(),
)
# Its gate or a person refused it, and the phase into which it should go back is full.
WAITS_TO_GO_BACK = f"k.move_fault <> '' AND ({TURNED_DOWN}) AND w.phase IS NOT NULL"
# Nothing moves in project `j`: all its open tickets wait for an operator.
STOPPED = f"({FROZEN} OR j.paused)"
UNFINISHED = "(k.phase = 'BLOCKED' OR k.phase <> 'CANCELLED' AND coalesce(kp.moves_to <> '{}', true))"
LEFT_OPEN = """
(
  SELECT count(*)
  FROM tickets_task o
  WHERE o.ticket_id = k.id
    AND o.state IN ('pending', 'claimed')
)
"""
