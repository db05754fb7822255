"""Obstacles: every condition under which a task is not granted, once: code, SQL, who must act, what to tell,
what would help.

A claim looks only at what is stored (`READY`, `FITS`); each obstacle that bars one is the negation of a piece
of that, told apart by its cause. The first one that holds says who the task waits on. Upper floors add their
own with `add`, in AppConfig.ready.

In the SQL `t` is the task, `k` its ticket, `l` its lane, `j` its project, `h` its holder with presence `hp`,
`tp` and `kp` the phases of task and ticket, `o.phases` those open now, `n` what its needs come to (`NEEDS`),
`f` the agents that fit its lane (`FLEET`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tickets.models.task.conditions import DUE, FREE, MET, NEEDS_MET, PENDING

# -- what the claim asks, piece by piece

# An agent row `{agent}` that may take the work of lane `l`; membership of the project is asked apart.
FITS = "l.has_profile = {agent}.runs_profiles AND l.capabilities <@ {agent}.capabilities AND ({agent}.phases = '{{}}' OR l.phase = ANY ({agent}.phases))"

# A task that was at work in so many workers that died runs with nothing beside it in its worker; one death
# more, and it is failed.
DEATHS_ALONE = 2
RUNS_ALONE = f"{{task}}.worker_deaths >= {DEATHS_ALONE}"

# -- what the stored answers were derived from

# `o.phases`: those whose tasks may be claimed while ticket `k` stands where it does: its own, and behind an
# `on_claim` phase the next.
OPEN_IN = """
LATERAL (SELECT ARRAY(
  SELECT k.phase WHERE k.phase NOT IN ('BLOCKED', 'CANCELLED') UNION ALL (
  SELECT x.name FROM tickets_workflowphase p JOIN tickets_workflowphase x ON x.workflow_id = p.workflow_id AND x.position > p.position AND x.name = ANY (p.moves_to)
  WHERE p.workflow_id = k.workflow_id AND p.name = k.phase AND p.automatic = 'on_claim' ORDER BY array_position(p.moves_to, x.name) LIMIT 1)) AS phases) o
"""
CLAIMABLE_HERE = "t.phase = ANY (o.phases)"
CLOCK_RUNS = "EXISTS (SELECT FROM tickets_sweeprun r WHERE r.name = 'clock' AND r.at > clock_timestamp() - interval '15 s')"
CLOCK = f"CASE WHEN {CLOCK_RUNS} THEN 'clock' ELSE 'operator' END"
HEARD = "interval '90 s'"
# When the sweep {sweep} last ran, if it has been absent since: the machine slept, or the database was away,
# and nobody could renew.
ABSENT_SINCE = """
(SELECT r.at FROM tickets_sweeprun r WHERE r.name = {sweep} AND r.at < greatest(pg_postmaster_start_time(), clock_timestamp() - interval '15 s'))
"""
# Whether the lease of task `t` holds. A holder who comes back from an absence before the first sweep is still
# the holder: that sweep would extend its lease.
LEASE_HOLDS = f"""
(t.lease_expires_at > clock_timestamp() OR t.lease_expires_at > {ABSENT_SINCE.format(sweep="'lapse'")} AND t.lease_expires_at IS DISTINCT FROM t.extended_to)
"""

NEEDS = f"""
SELECT count(*) FILTER (WHERE p.state IN ('pending', 'claimed')) AS left_open,
       (array_agg(p.ticket_key || '.' || p.id ORDER BY p.state, p.id) FILTER (WHERE p.state IN ('pending', 'claimed')))[1:3] AS open_keys,
       (array_agg(p.ticket_key || '.' || p.id || ' ' || p.state ORDER BY p.id) FILTER (WHERE p.state NOT IN ('pending', 'claimed') AND NOT {MET}))[1:3] AS unmet,
       max(p.ended_at) FILTER (WHERE p.state NOT IN ('pending', 'claimed') AND NOT {MET}) AS unmet_at
FROM tickets_need n JOIN tickets_task p ON p.id = n.parent_id WHERE n.child_id = t.id AND t.open_needs > 0 AND t.state = 'pending'
"""
FLEET = f"""
SELECT count(*) AS fitting, count(*) FILTER (WHERE g.available) AS able, count(*) FILTER (WHERE g.available AND g.room) AS roomy,
       count(*) FILTER (WHERE g.available AND g.heard) AS awake, count(*) FILTER (WHERE g.available AND g.room AND g.heard) AS free,
       (array_agg(g.name || ' is ' || g.state ORDER BY g.name) FILTER (WHERE NOT g.available))[1:3] AS absent,
       (array_agg(g.name ORDER BY g.name) FILTER (WHERE g.available))[1:5] AS able_names,
       (array_agg(g.name ORDER BY g.name) FILTER (WHERE g.available AND g.room AND g.heard))[1:5] AS free_names,
       max(g.last_seen_at) FILTER (WHERE g.available) AS last_heard
FROM (SELECT a.name, a.state, a.state = 'available' AS available, p.last_seen_at, p.last_seen_at > clock_timestamp() - {HEARD} AS heard,
             (SELECT CASE WHEN l.alone THEN count(*) = 0 ELSE count(*) < a.capacity AND NOT coalesce(bool_or({RUNS_ALONE.format(task="t")}), false) END
              FROM tickets_task t WHERE t.holder_id = a.id AND {LEASE_HOLDS}) AS room
      FROM agents_agent a LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
      WHERE a.state <> 'retired' AND {FITS.format(agent="a")}
        AND (a.sees_all OR EXISTS (SELECT FROM agents_agent_projects m WHERE m.agent_id = a.id AND m.project_id = l.project_id))) g
"""
STAGE = f"""
FROM tickets_task t JOIN tickets_ticket k ON k.id = t.ticket_id JOIN tickets_lane l ON l.id = t.lane_id JOIN agents_project j ON j.id = t.project_id
LEFT JOIN agents_agent h ON h.id = t.holder_id LEFT JOIN agents_agentpresence hp ON hp.agent_id = h.id
LEFT JOIN tickets_workflowphase tp ON tp.workflow_id = k.workflow_id AND tp.name = t.phase
LEFT JOIN tickets_workflowphase kp ON kp.workflow_id = k.workflow_id AND kp.name = k.phase
CROSS JOIN {OPEN_IN} LEFT JOIN LATERAL ({NEEDS}) n ON true
"""
SCENE = f"{STAGE} LEFT JOIN LATERAL ({FLEET}) f ON t.state = 'pending'"
# The same for very many tasks: the fleet is looked at once for each lane, not for each task.
PANORAMA = f"""{STAGE} LEFT JOIN (
  SELECT l.id AS lane_id, f.* FROM tickets_lane l CROSS JOIN LATERAL ({FLEET}) f) f ON f.lane_id = t.lane_id AND t.state = 'pending'"""
LEASED, OVER = (
    f"t.state = 'claimed' AND {LEASE_HOLDS}",
    f"t.state = 'claimed' AND ({LEASE_HOLDS}) IS NOT TRUE",
)
# The claim is the last: what had not started costs nothing, and is given back.
LAST = f"t.started_at IS NOT NULL AND (t.attempts >= t.max_attempts OR h.runs_profiles AND {RUNS_ALONE.format(task='t')})"
IN_TIME = f"{LEASED} AND coalesce(t.timeout_at > clock_timestamp(), true)"
SILENT = f"coalesce(hp.last_seen_at < clock_timestamp() - {HEARD}, true)"
FAILED_HERE = "t.state = 'failed' AND k.phase <> 'CANCELLED' AND coalesce(kp.moves_to <> '{}', true)"
READY_NOW = (
    f"{PENDING} AND {NEEDS_MET} AND {FREE} AND NOT l.paused AND ({DUE} OR t.not_before <= clock_timestamp())"
)

Say = str | Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Obstacle:
    """`when`, `who`, `since` and `until` (when it ends by itself) are SQL; `what` and `how` sentences with
    facts in braces, or functions of the facts.

    bars: while it holds no claim gets the task; the others say what is awaited without being in the way.
    """

    code: str
    when: str
    who: str
    what: Say
    how: Say
    since: str = "NULL::timestamptz"
    until: str = "NULL::timestamptz"
    bars: bool = True


def paused(what: str, reason: str) -> str:
    return f"{what} is paused{f': {reason}' if reason else ''}"


def project_paused(facts: dict[str, Any]) -> str:
    return paused(f"project {facts['project']}", facts["project_reason"])


def holds(facts: dict[str, Any]) -> str:
    return f"{facts['holder']} works on it, attempt {facts['attempts']} of {facts['max_attempts']}, its lease ends {facts['lease_end']}"


def waits(facts: dict[str, Any]) -> str:
    return f"waits for {named(facts['open_keys'] or ['tasks that have ended'], facts['left_open'])}"


def unsatisfiable(facts: dict[str, Any]) -> str:
    return f"what it needs cannot be met any more: {', '.join(facts['unmet'] or ['too few needs are left'])}"


def unable(facts: dict[str, Any]) -> str:
    if facts["absent"]:
        return f"whoever could do it is not available: {', '.join(facts['absent'])}"
    if facts["has_profile"]:
        return "no worker is there that runs profiles"
    skills = " and ".join(facts["capabilities"])
    return (
        f"no agent of {facts['project']} works in {facts['phase']}{f' and can do {skills}' if skills else ''}"
    )


def enable(facts: dict[str, Any]) -> str:
    if facts["absent"]:
        return "Make one of them available again, or add an agent."
    if facts["has_profile"]:
        return "Start a worker: manage.py worker."
    skills = "".join(f" --capability {skill}" for skill in facts["capabilities"])
    return f"Add one: manage.py agents create NAME --project {facts['project']}{skills}."


def alone(facts: dict[str, Any]) -> str:
    return (
        f"it runs with nothing beside it, for {facts['worker_deaths']} workers were lost while they ran it; "
        if facts["runs_alone"]
        else ""
    )


def named(names: list[str] | None, count: int) -> str:
    names = names or []
    return ", ".join(names) + (f" and {count - len(names)} more" if count > len(names) else "")


OBSTACLES = [
    # claimed
    Obstacle(
        "clock", f"{OVER} AND NOT ({LAST})", CLOCK,
        "the lease of {holder} ended {lease_end}; the next claim or the clock gives it back",
        "It comes back by itself; if it does not, start manage.py clock.", "t.lease_expires_at", bars=False,
    ),
    Obstacle(
        "clock", f"{OVER} AND ({LAST})", CLOCK,
        "the lease of {holder} for the last attempt ended {lease_end}; the clock will count it as failed",
        "It fails by itself and can then be retried; if it does not, start manage.py clock.", "t.lease_expires_at",
    ),
    Obstacle(
        "clock", f"{LEASED} AND t.timeout_at <= clock_timestamp()", CLOCK,
        "it has run longer than its {timeout_s} s; the clock takes it from {holder}",
        "It ends by itself; if it does not, start manage.py clock.", "t.timeout_at",
    ),
    Obstacle(
        "agent_silent", f"{IN_TIME} AND {SILENT}", "'agent:' || h.name",
        "{holder} holds it and was last heard {holder_seen}; its lease ends {lease_end}",
        "It comes back when the lease ends. Look after {holder}, or retire it: that gives back all it holds at once.", "hp.last_seen_at", "t.lease_expires_at",
    ),
    Obstacle("capacity", f"{IN_TIME} AND NOT {SILENT}", "'agent:' || h.name", holds, "Wait for {holder}, or cancel the task.", "t.claimed_at", "t.lease_expires_at"),
    # pending: what is stored about it
    Obstacle(
        "need", f"{PENDING} AND NOT {NEEDS_MET} AND t.unsatisfiable", "'operator'", unsatisfiable,
        "Retry what it needs, take the need away, or cancel this task.", "n.unmet_at",
    ),
    Obstacle(
        "need", f"{PENDING} AND NOT {NEEDS_MET} AND NOT t.unsatisfiable", f"coalesce('task:' || n.open_keys[1], {CLOCK})", waits,
        "It is ready as soon as they end as needed; a need that is wrong can be taken away.", "t.created_at",
    ),
    Obstacle(
        "not_due", f"{PENDING} AND NOT ({DUE}) AND t.not_before > clock_timestamp()", "'clock'",
        lambda facts: f"it is due {facts['due_at']}, not before" + (f": attempt {facts['attempts']} failed and the next one waits" if facts["attempts"] else ""),
        "It wakes by itself then; set an earlier time to have it sooner.", "CASE WHEN t.attempts = 0 THEN t.created_at END", "t.not_before",
    ),
    Obstacle(
        "clock", f"{PENDING} AND NOT ({DUE}) AND t.not_before <= clock_timestamp()", CLOCK, "it was due {due_at} and is not yet woken; the next claim or the clock does it",
        "It wakes by itself; if it does not, start manage.py clock.", "t.not_before", bars=False,
    ),
    Obstacle(
        "pause", f"{PENDING} AND NOT ({FREE}) AND k.paused", "'operator'",
        lambda facts: paused(f"ticket {facts['ticket']}", facts["pause_reason"]),
        "Resume the ticket.", "k.paused_at",
    ),
    Obstacle(
        "pause", f"{PENDING} AND NOT ({FREE}) AND k.archived_at IS NOT NULL", "'operator'", "ticket {ticket} is archived",
        "Restore the ticket, or cancel the task.", "k.archived_at",
    ),
    Obstacle(
        "phase", f"{PENDING} AND NOT ({FREE}) AND k.phase = 'BLOCKED'", "'operator'", "ticket {ticket} is blocked ({blocked_class}): {blocked_reason}",
        "Mend what blocks the ticket and unblock it.", "k.phase_since",
    ),
    Obstacle(
        "phase", f"{PENDING} AND NOT ({FREE}) AND k.phase = 'CANCELLED'", "'operator'", "ticket {ticket} is cancelled",
        "Reopen the ticket, or cancel the task.", "k.phase_since",
    ),
    Obstacle(
        "phase", f"{PENDING} AND NOT ({FREE}) AND tp.position > kp.position AND NOT {CLAIMABLE_HERE} AND tp.moves_to <> '{{}}'", "'ticket:' || k.key",
        "its phase {phase} has not come: ticket {ticket} stands in {ticket_phase}", "It is free when the ticket gets there.", "k.phase_since",
    ),
    Obstacle(
        "phase", f"{PENDING} AND NOT ({FREE}) AND tp.position > kp.position AND NOT {CLAIMABLE_HERE} AND tp.moves_to = '{{}}'", "'operator'",
        "ticket {ticket} is done when it gets to {phase}, and does not get there while this is open",
        "Cancel the task; if it is needed, add it to an earlier phase.", "t.created_at",
    ),
    Obstacle(
        "phase", f"{PENDING} AND NOT ({FREE}) AND tp.position < kp.position AND NOT {CLAIMABLE_HERE}", "'operator'",
        "ticket {ticket} has left its phase {phase} and stands in {ticket_phase}", "Send the ticket back, or cancel the task.", "k.phase_since",
    ),
    Obstacle(
        "clock", f"{PENDING} AND NOT ({FREE}) AND NOT k.paused AND k.archived_at IS NULL AND {CLAIMABLE_HERE}", CLOCK,
        "it is held though its ticket lets it go; the clock mends this and raises an alarm",
        "It is mended by itself; if it is not, start manage.py clock.",
    ),
    Obstacle(
        "pause", f"{PENDING} AND l.paused", "'operator'",
        project_paused, "Resume the project.", "j.paused_at",
    ),
    # pending: who could do it
    Obstacle("capability", f"{PENDING} AND f.able = 0", "'operator'", unable, enable, "coalesce(t.ready_at, t.created_at)"),
    Obstacle(
        "capacity", f"{READY_NOW} AND f.able > 0 AND f.roomy = 0", "'agents'",
        lambda facts: f"{alone(facts)}all who could do it {'are at work' if facts['runs_alone'] else 'hold as much as they may'}: {named(facts['able_names'], facts['able'])}",
        lambda facts: "It is granted when one of them holds nothing; one of them takes no other work until then." if facts["runs_alone"]
        else "It is granted when one of them ends a task; raise a capacity or add an agent to have it sooner.", "t.ready_at",
    ),
    Obstacle(
        "agent_silent", f"{READY_NOW} AND f.roomy > 0 AND f.awake = 0", "'operator'",
        lambda facts: f"everybody who could do it is silent, last heard {facts['last_heard_at'] or 'never'}: {named(facts['able_names'], facts['able'])}",
        "Start one of them, or add an agent.", "coalesce(f.last_heard, t.ready_at)", bars=False,
    ),
    Obstacle(
        "capacity", f"{READY_NOW} AND f.roomy > 0 AND f.awake > 0 AND f.free = 0", "'agents'",
        lambda facts: f"those who are awake hold as much as they may, the others are silent: {named(facts['able_names'], facts['able'])}",
        "It is granted when one of them ends a task.", "t.ready_at", bars=False,
    ),
    Obstacle(
        "capacity", f"{READY_NOW} AND f.free > 0", "'agents'",
        lambda facts: f"{alone(facts)}ready; {named(facts['free_names'], facts['free'])} could take it and has not asked yet",
        "It goes to the next of them that asks, in the order of work; bump it to put it in front.", "t.ready_at", bars=False,
    ),
    # failed: ended, but somebody must decide while its ticket is open
    Obstacle(
        "worker_lost", f"{FAILED_HERE} AND t.failure = 'worker_lost'", "'operator'",
        lambda facts: f"failed because workers were lost while they ran it: {facts['error']}",
        "Look into the log of that worker for what ends it; mend the task and retry it, or go on without it.", "t.ended_at",
    ),
    Obstacle(
        "limit", f"{FAILED_HERE} AND t.failure <> 'worker_lost'", "'operator'",
        lambda facts: f"failed after {facts['attempts']} of {facts['max_attempts']} attempts: {facts['error'] or 'no reason given'}",
        "Retry it, or go on without it.", "t.ended_at",
    ),
]  # fmt: skip


def add(obstacle: Obstacle, *, before: str = "") -> None:
    """Register an obstacle of an upper floor, in front of the first with the code `before`, else at the end."""
    place = next((place for place, other in enumerate(OBSTACLES) if other.code == before), len(OBSTACLES))
    if obstacle not in OBSTACLES:
        OBSTACLES.insert(place, obstacle)


def waiting_on() -> str:
    """SQL of who a task waits on: the first obstacle's; null when it has ended and nobody must decide."""
    return "CASE " + " ".join(f"WHEN {obstacle.when} THEN {obstacle.who}" for obstacle in OBSTACLES) + " END"
