"""The conditions that claims, sweeps and explanations share, as SQL.

In the SQL, `t` is the task, `k` its ticket, `l` its lane, `j` its project, `h` its holder with presence `hp`,
`tp` and `kp` the phases of task and ticket, `o.phases` those open now, `n` the summary of its needs, and `f`
the agents that fit its lane. For a ticket, `c` counts the tasks of its open phases.
"""

from __future__ import annotations

from omoi_site.database import sql
from tickets.models.task.readiness import DUE, FREE, MET, PENDING, ready_sql

# -- the conditions of the claim, one by one

# Whether the agent `{agent}` may do the work of lane `l`; membership of the project is checked separately.
FITS = (
    "l.has_profile = {agent}.runs_profiles AND l.capabilities <@ {agent}.capabilities"
    " AND ({agent}.phases = '{{}}' OR l.phase = ANY ({agent}.phases))"
)

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
CLOCK_RUNS = """
EXISTS (
  SELECT
  FROM tickets_sweeprun r
  WHERE r.name = 'clock'
    AND r.at > clock_timestamp() - interval '15 s'
)
"""
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

# Whether agent `a` may take a task of lane `l` beside what it holds.
HAS_ROOM = sql.statement(
    __file__, "has_room", runs_alone=RUNS_ALONE.format(task="t"), lease_holds=LEASE_HOLDS
).rstrip()

# -- a task with everything that an explanation needs

FLEET = sql.statement(__file__, "fleet", heard=HEARD, has_room=HAS_ROOM, fits=FITS.format(agent="a"))


# Joins `fleets`, which each statement defines with `fleets_of`.
TASK_JOINS = sql.statement(
    __file__,
    "task_joins",
    join_open_phases=EACH_OPEN_PHASES,
    needs=sql.statement(__file__, "needs", met=MET),
)
FROM_TASK = f"FROM tickets_task t\n{TASK_JOINS}"


def fleets_of(tasks: str) -> str:
    """SQL: the agents that fit the lanes of the pending tasks `t` for which `tasks` holds."""
    return sql.statement(__file__, "fleets", fleet=FLEET, tasks=tasks)


LEASED = f"t.state = 'claimed' AND {LEASE_HOLDS}"
LEASE_OVER = f"t.state = 'claimed' AND ({LEASE_HOLDS}) IS NOT TRUE"
# The claim is the last attempt. A task that had not started costs no attempt and is given back.
LAST_ATTEMPT = f"""
t.started_at IS NOT NULL
AND (t.attempts >= t.max_attempts OR h.runs_profiles AND {RUNS_ALONE.format(task="t")})
"""
IN_TIME = f"{LEASED} AND coalesce(t.timeout_at > clock_timestamp(), true)"
SILENT = f"coalesce(hp.last_seen_at < clock_timestamp() - {HEARD}, true)"
FAILED_OPEN = "t.state = 'failed' AND k.phase <> 'CANCELLED' AND coalesce(kp.moves_to <> '{}', true)"
READY_NOW = f"{ready_sql('not_due')} AND NOT l.paused AND ({DUE} OR t.not_before <= clock_timestamp())"
HELD = f"{PENDING} AND NOT ({FREE})"

# -- a ticket

QUOTED = 300  # characters of an error that an explanation quotes
# An automatic move of `tickets_ticket` is due.
AUTOMATIC = sql.statement(__file__, "automatic")
STALLED = f"tickets_ticket.move_fault <> '' AND {AUTOMATIC}"  # due, but the move failed
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
AWAITS_APPROVAL = sql.statement(__file__, "awaits_approval", last_decision=LAST_DECISION)
MOVE_DUE, STUCK = AUTOMATIC.replace("tickets_ticket.", "k."), STALLED.replace("tickets_ticket.", "k.")
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


FROM_TICKET = sql.statement(
    __file__,
    "from_ticket",
    join_open_phases=EACH_OPEN_PHASES,
    open_tasks=OPEN_TASKS,
    in_open_phase=IN_OPEN_PHASE,
    quoted=str(QUOTED),
)
UNFINISHED = "(k.phase = 'BLOCKED' OR k.phase <> 'CANCELLED' AND coalesce(kp.moves_to <> '{}', true))"
LEFT_OPEN = """
(
  SELECT count(*)
  FROM tickets_task o
  WHERE o.ticket_id = k.id
    AND o.state IN ('pending', 'claimed')
)
"""
