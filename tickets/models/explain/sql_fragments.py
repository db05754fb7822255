"""The conditions that claims, sweeps and explanations share, as SQL.

In the SQL `t` is the task, `k` its ticket, `l` its lane, `j` its project, `h` its holder with presence `hp`,
`tp` and `kp` the phases of task and ticket, `o.phases` those open now, `n` what its needs come to, `f` the
agents that fit its lane; of a ticket `c` counts the tasks of its open phases.
"""

from __future__ import annotations

from omoi_site.database import sql
from tickets.models.task.readiness import DUE, FREE, MET, PENDING, ready_sql

# -- what the claim asks, piece by piece

# An agent row `{agent}` that may take the work of lane `l`; membership of the project is asked apart.
FITS = (
    "l.has_profile = {agent}.runs_profiles AND l.capabilities <@ {agent}.capabilities"
    " AND ({agent}.phases = '{{}}' OR l.phase = ANY ({agent}.phases))"
)

# A task that was at work in so many workers that died runs with nothing beside it in its worker; one death
# more, and it is failed.
DEATHS_ALONE = 2
RUNS_ALONE = f"{{task}}.worker_deaths >= {DEATHS_ALONE}"

# -- what the stored answers were derived from

# `o.phases`: those whose tasks may be claimed while ticket `k` stands where it does: its own, and behind an
# `on_claim` phase the next.
OPEN_PHASES = sql.statement(__file__, "open_phases")
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
# When the sweep {sweep} last ran, if it has been absent since: the machine slept, or the database was away,
# and nobody could renew.
ABSENT_SINCE = """
(
  SELECT r.at
  FROM tickets_sweeprun r
  WHERE r.name = {sweep}
    AND r.at < greatest(pg_postmaster_start_time(), clock_timestamp() - interval '15 s')
)
"""
# Whether the lease of task `t` holds. A holder who comes back from an absence before the first sweep is still
# the holder: that sweep would extend its lease.
LEASE_HOLDS = f"""
(
  t.lease_expires_at > clock_timestamp()
  OR t.lease_expires_at > {ABSENT_SINCE.format(sweep="'lapse'")}
  AND t.lease_expires_at IS DISTINCT FROM t.extended_to
)
"""

# -- a task with all that an explanation looks at

FLEET = sql.statement(
    __file__,
    "fleet",
    heard=HEARD,
    runs_alone=RUNS_ALONE.format(task="t"),
    lease_holds=LEASE_HOLDS,
    fits=FITS.format(agent="a"),
)
TASK_JOINS = sql.statement(
    __file__, "task_joins", open_phases=OPEN_PHASES, needs=sql.statement(__file__, "needs", met=MET)
)
FROM_TASK = f"""
FROM tickets_task t
{TASK_JOINS}
LEFT JOIN LATERAL ({FLEET}) f ON t.state = 'pending'
"""
# The same for very many tasks: the fleet is looked at once for each lane, not for each task.
FROM_MANY_TASKS = f"""
FROM tickets_task t
{TASK_JOINS}
LEFT JOIN (
  SELECT
    l.id AS lane_id,
    f.*
  FROM tickets_lane l
  CROSS JOIN LATERAL ({FLEET}) f
) f ON f.lane_id = t.lane_id AND t.state = 'pending'
"""
LEASED = f"t.state = 'claimed' AND {LEASE_HOLDS}"
LEASE_OVER = f"t.state = 'claimed' AND ({LEASE_HOLDS}) IS NOT TRUE"
# The claim is the last: what had not started costs nothing, and is given back.
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
STALLED = f"tickets_ticket.move_fault <> '' AND {AUTOMATIC}"  # due, and was tried in vain
MOVE_DUE, STUCK = AUTOMATIC.replace("tickets_ticket.", "k."), STALLED.replace("tickets_ticket.", "k.")
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
    open_phases=OPEN_PHASES,
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
