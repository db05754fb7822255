"""Claim: grants ready tasks to an agent, in one statement whose cost does not grow with the backlog.

The statement (claim.sql) reads the lanes that the agent can serve without locks, then locks exactly the tasks
it takes, with SKIP LOCKED. Its snapshot is taken before it waits for the agent's row, so it asks for the
latest grant to see whether the agent was granted tasks in the meantime. If so, it takes nothing and runs once
more, with the lock held.

Some lanes are guarded: before a task of theirs is granted, something must be counted that others may change
at the same time, such as the agents at work in the project. If one of the first tasks is in such a lane, the
statement takes nothing. Then the agent's row and what guards these lanes are locked, and a second statement
(guarded_choice.sql) chooses among all lanes, with a snapshot from after the locks. An agent whose last claim
was granted work of such lanes begins with the second statement (last_guards.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, TypeVar, Unpack

from django.db import connection

from agents.models import Agent, AgentUnavailable, Key, Project, rights, via
from agents.models.agent import phase_names, words
from agents.models.key_sql import HELD_KEY, KEY_HOLDS
from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from omoi_site.errors import OmoiError
from omoi_site.redaction import redact_text
from tickets.models.claim.last_guards import last_guards, remember
from tickets.models.claim.lease import LEASE_ENDED, Leasing
from tickets.models.explain.sql_fragments import (
    FITS,
    GUARDED,
    HEARD,
    LEASE_HOLDS,
    POOL_ROOM,
    RUNS_ALONE,
    holding_phases,
)
from tickets.models.freeze.frozen import frozen
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import GUARD_LOCK, TOP
from tickets.models.task.readiness import NOT_DUE, READY
from tickets.models.ticket.feedback import EARLIER, shown_in

Row = TypeVar("Row", bound=TaskFields)

# The columns of a task that are fields of Claim.
GRANTED = """
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.phase,
    t.title,
    t.description,
    t.kind,
    t.priority,
    t.timeout_s,
    t.work_s,
    t.fence,
    t.attempts,
    t.error,
    t.tried,
    t.checkpoint,
    t.rank,
    t.lease_expires_at,
    t.stall_s,
    t.started_at IS NOT NULL AS started,
    t.profile,
    t.slots"""
# After how many seconds without progress the claim of task `t` is stalled: as it says, or its phase, or its
# project, whose answer its lane keeps.
STALL_S = (
    "coalesce(t.stall_after_s, t.phase_stall_after_s,"
    " (SELECT p.stall_after_s FROM places p WHERE p.lane_id = t.lane_id LIMIT 1))"
)
# Columns of what the holder gets with task `t` of ticket `k`.
BRIEF = sql.statement(__file__, "brief")
# Whether a transaction that the statement's snapshot does not see has made the grant `latest`. If the agent's
# row was locked before (`locked`), the snapshot is newer than every grant. Then it is not asked: the numbers
# of transactions from before a restored backup can be higher than any of this server.
GRANTED_UNSEEN = (
    "NOT %(locked)s::bool AND NOT pg_visible_in_snapshot(latest.xid, pg_current_snapshot())"
    " AND latest.xid <> pg_current_xact_id()"
)
KNOWN = f"""
LATERAL (
    SELECT coalesce({GRANTED_UNSEEN}, false) OR locked.version <> seen.version AS stale
    FROM agents_agent seen
    WHERE seen.id = locked.id
  )""".strip()
KNOWN_UNDER_LOCK = "(SELECT false AS stale)"


SPARE = 8  # tasks of a lane that are looked at beyond those needed, because others may be locked
# Whether this agent is to leave task `t` to others, because it failed it a short time ago.
AVOIDED = """
t.avoid_id = %(agent)s
AND t.avoid_until > clock_timestamp()
AND t.lane_id = ANY (ARRAY(SELECT o.id FROM left_to_others o))
""".strip()
COUNTED = 200  # claims of a project that are counted for the fair share
SERVED = sql.statement(__file__, "served", agent_fits=FITS.format(agent="agent"))


def turns(*, counts: str, live: str) -> str:
    """SQL: the order of tasks. counts: whether the claims of projects matter; live: their number, where it
    has been counted already.
    """
    return sql.statement(
        __file__,
        "turns",
        other_fits=FITS.format(agent="a"),
        heard=HEARD,
        counted=str(COUNTED),
        counts=counts,
        live=live,
    ).rstrip()


# Where all first tasks are in guarded lanes, nothing is taken in whichever order.
TURNS = turns(counts="EXISTS (SELECT FROM heads o WHERE NOT o.guarded)", live="NULL")
GUARDED_TURNS = turns(
    counts="true",
    live=f"(SELECT least(b.live, {COUNTED}) FROM limits b WHERE b.project_id = p.project_id)",
)
CHOICE = sql.statement(
    __file__, "choice", ready=READY, served=SERVED.rstrip(), guarded=GUARDED, turns=TURNS
).rstrip()
POOLS_ALLOW = "NOT EXISTS (SELECT FROM rooms r WHERE r.name = ANY (l.pools) AND r.room <= 0)"
WIP_ALLOWS = sql.statement(__file__, "wip_allows").strip()
# Ticket `k` may have waited too long in phase `p`, which holds others anyway if it is full.
MAY_WAIT_TOO_LONG = (
    "NOT f.is_full AND k.phase_since < clock_timestamp() - (p.wip->>'oldest_s')::int * interval '1 s'"
)
HOLDING = sql.statement(
    __file__,
    "holding",
    holding_phases=holding_phases(project="d.project_id", workflow="d.workflow_id", asked=MAY_WAIT_TOO_LONG),
)


def guarded_choice(*, ready: str = READY, served: str = SERVED.rstrip(), avoided: str = AVOIDED) -> str:
    return sql.statement(
        __file__,
        "guarded_choice",
        ready=ready,
        served=served,
        guarded=GUARDED,
        turns=GUARDED_TURNS,
        spare=str(SPARE),
        avoided=avoided,
        other_runs_alone=RUNS_ALONE.format(task="c"),
        other_fits=FITS.format(agent="a"),
        heard=HEARD,
        pool_room=POOL_ROOM,
        pools_allow=POOLS_ALLOW,
        wip_allows=WIP_ALLOWS,
        holding=HOLDING,
        top=str(TOP),
    ).rstrip()


GUARDED_CHOICE = guarded_choice()
# The projects to lock: for what this statement leaves to the one with locks, or for the next claim.
GUARDS = "(SELECT projects FROM guards)"


# What an agent is granted by its own claim; what is assigned to it by hand differs in this.
BY_CLAIM = {
    "held_key": HELD_KEY.format(agents="locked"),
    "key_holds": KEY_HOLDS,
    "delivers_first": "true",
    "known": KNOWN,
    "begins": "NOT (SELECT runs_profiles FROM agent)",
    "events": task_events(
        "granted", "'task.claimed'", data="jsonb_build_object('fence', fence, 'attempt', attempts)"
    ),
}


def claim_statement(choice: str, guards: str, *, missed: bool, tried: str = "", **otherwise: str) -> str:
    """SQL of a grant; `otherwise` replaces parts of BY_CLAIM."""
    return sql.statement(
        __file__,
        "claim",
        choice=choice,
        guards=guards,
        tried=tried,
        missed=sql.statement(
            __file__, "claim_missed", lease_ended=LEASE_ENDED, not_due=NOT_DUE, guards=guards
        )
        if missed
        else "",
        frozen_project=frozen("p.id"),
        frozen_membership=frozen("p.project_id"),
        held_runs_alone=RUNS_ALONE.format(task="h"),
        granted=GRANTED,
        stall_s=STALL_S,
        brief=BRIEF,
        **(BY_CLAIM | otherwise),
    )


# Also returns what sweeps have left, if nothing is granted.
CLAIM = claim_statement(CHOICE, GUARDS, missed=True)
CLAIM_NEXT = claim_statement(CHOICE, GUARDS, missed=False)
# With the agent's row and the `guards` locked.
TRY_OUT = sql.statement(__file__, "try_out")
CLAIM_GUARDED = claim_statement(GUARDED_CHOICE, GUARDS, missed=True, tried=TRY_OUT, known=KNOWN_UNDER_LOCK)
# The claims of the agent that were assigned to it by hand and are to be delivered.
DELIVER = sql.statement(
    __file__,
    "deliver",
    held_key=HELD_KEY.format(agents="agents_agent"),
    key_holds=KEY_HOLDS,
    lease_holds=LEASE_HOLDS.strip(),
    granted=GRANTED,
    brief=BRIEF,
)
LOCK_AGENT = "SELECT FROM agents_agent WHERE id = %(agent)s FOR NO KEY UPDATE"
# What must be locked before a grant from guarded lanes of the projects `guards`: statements with the
# parameters of the claim, in this order, after the agent's row. Each locks its rows in the order of their
# ids.
LOCK_GUARDS = [
    f"""
    SELECT pg_advisory_xact_lock({GUARD_LOCK}, p.id)
    FROM (SELECT DISTINCT unnest(%(guards)s::int[]) AS id ORDER BY 1) p
    """,
    sql.statement(__file__, "lock_pools"),
]
# In the transaction of a caller, locks with which nothing was granted are released: the next ones may have to
# be taken before them.
MARK, RELEASE_LOCKS = "SAVEPOINT guards", "ROLLBACK TO SAVEPOINT guards"
# These wait for the transaction that ends the first lapsed claim or makes the first due task ready; after it,
# the freed tasks can be claimed.
LAPSING = f"""
SELECT
FROM tickets_task t
WHERE {LEASE_ENDED}
ORDER BY t.lease_look_at
LIMIT 1
FOR SHARE
"""
WAKING = f"""
SELECT
FROM tickets_task t
WHERE {NOT_DUE}
  AND t.not_before <= (SELECT clock_timestamp())
ORDER BY t.not_before
LIMIT 1
FOR SHARE
"""


class CapacityFull(OmoiError):
    """The agent has no free capacity."""

    code = "capacity_full"
    title = "The agent holds as many tasks as its capacity allows"
    next_action = "Complete, fail or release a task first."


class ClaimOptions(TypedDict, total=False):
    """The options of a claim: up to `limit` tasks, each with a lease of `lease_s`. `capabilities`, `phases`
    and `project` narrow the choice. For workers: `ahead`, how many they hold beyond their capacity, for the
    next moment; `starting`, they begin all of them at once, or `starting_profiles`, those with these
    profiles, see start.py.
    """

    limit: int
    lease_s: int
    capabilities: Sequence[str] | None
    phases: Sequence[str] | None
    project: Project | None
    ahead: int
    starting: bool
    starting_profiles: Sequence[str]


@dataclass(frozen=True)
class Claim:
    """A granted task. The holder sends `fence` with every later write."""

    task: int
    key: str
    title: str
    kind: str
    ticket: str
    ticket_id: int
    phase: str
    priority: int
    timeout_s: int | None
    fence: int
    attempt: int
    lease_expires_at: datetime
    stall_after_s: int
    profile: str
    granted: bool  # whether its project may use the profile
    slots: dict[str, Any]
    brief: dict[str, Any] = field(default_factory=dict)
    started: bool = False  # its start is recorded with the claim


class Claiming(Leasing[Row]):
    def claim(self, *, by: Agent, **options: Unpack[ClaimOptions]) -> list[Claim]:
        """Grant up to `limit` ready tasks, most urgent first. `capabilities`, `phases` and `project` narrow
        the choice. What was assigned to the agent by hand is delivered first, and alone.

        If it finds nothing, it ends lapsed claims, makes due tasks ready, and looks once more. Raises
        AgentUnavailable, CapacityFull if the agent has no free capacity, and Unauthorized if its key has
        ended.
        """
        rights.require_scope(by, "work")
        params = claim_params(by, **options)
        rows = self._take(params)
        while rows and rows[0]["assigned"]:
            if delivered := self._deliver(params):
                return claims_of(delivered)
            rows = self._take(params)
        if rows and rows[0]["id"] is None and self._catch_up(rows[0]):
            rows = self._take(params)
        if not rows:
            Key.objects.expect_live(by)
            raise AgentUnavailable("this agent is not available, so it cannot claim now")
        if not rows[0]["free"]:
            raise CapacityFull()
        return claims_of(rows)

    def claim_at_once(self, *, by: Agent, **options: Unpack[ClaimOptions]) -> list[Claim] | None:
        """Like `claim`, but it only looks once: None where `claim` would look again or
        raise.
        """
        rights.require_scope(by, "work")
        params = claim_params(by, **options)
        rows = self._take_again(params) or prepared.rows(CLAIM, params)
        if rows and rows[0]["id"] is None and rows[0]["guards"]:
            rows = self._take_guarded(params, rows[0]["guards"])
        if not rows or rows[0]["assigned"]:
            return None
        first = rows[0]
        if first["id"] is None and (not first["free"] or first["lapsed"] or first["due"]):
            return None
        return claims_of(rows)

    @sql.joined
    def _deliver(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The first claims, up to the limit, that were assigned to the agent by hand and that it does not
        know yet. From now on their leases are as it asks.
        """
        prepared.rows(LOCK_AGENT, params)
        return sql.rows(DELIVER, params)

    def _catch_up(self, missed: dict[str, Any]) -> bool:
        """End lapsed claims and make due tasks ready, or wait until another transaction has. Returns whether
        there were any.
        """
        if missed["lapsed"] and not self.lapse():
            sql.rows(LAPSING)
        if missed["due"] and not self.wake():
            sql.rows(WAKING)
        return bool(missed["lapsed"] or missed["due"])

    @sql.patiently
    def _take(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The granted tasks. Or one row without a task: the agent's free capacity (`free`) and what sweeps
        have not handled yet. Or no row: the agent is not available.

        Outside of a transaction, the statement is one.
        """
        if rows := self._take_again(params):
            return rows
        rows = prepared.rows(CLAIM, params)
        if rows and rows[0]["stale"]:
            rows = self._take_locked(params)
        if rows and rows[0]["guards"]:
            rows = self._take_guarded(params, rows[0]["guards"])
        return rows

    @sql.joined
    def _take_locked(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        prepared.rows(LOCK_AGENT, params)
        return prepared.rows(CLAIM, params | {"locked": True})

    def _take_again(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """What is granted with the locks that the agent's last claim needed. Empty: only the first look can
        tell, because there is nothing, or because other guarded lanes may have something more urgent.
        """
        guards = last_guards(params)
        rows = self._take_guarded(params | {"remembered": True}, guards) if guards else []
        return rows if _granted(rows) else []

    @sql.joined
    def _take_guarded(self, params: dict[str, Any], guards: list[int]) -> list[dict[str, Any]]:
        """Like `_take`, with the locks of guarded lanes of these projects. Of others it takes nothing: a lane
        that became guarded a moment ago is left to the next claim, which locks what this one names.
        """
        params = params | {"locked": True, "guards": guards}
        inside = bool(connection.savepoint_ids)  # the transaction of a caller
        acts = [MARK] if inside else []
        acts += [LOCK_AGENT, *LOCK_GUARDS, CLAIM_GUARDED]
        rows = prepared.together(*((act, params) for act in acts), last=True)[-1]
        if inside and not _granted(rows):
            prepared.rows(RELEASE_LOCKS, {})
        remember(params, rows[0]["guards"] if rows else None)
        return rows


def _granted(rows: list[dict[str, Any]]) -> bool:
    return bool(rows) and rows[0]["id"] is not None


def claims_of(rows: list[dict[str, Any]]) -> list[Claim]:
    """The granted tasks of these rows, most urgent first, after a hint for tickets whose phase begins with
    one.
    """
    granted = [row for row in rows if row["id"] is not None]
    granted.sort(key=lambda row: (row["rank"], row["id"]))
    if moving := sorted({row["ticket_id"] for row in granted if row["first_of_phase"]}):
        hints.send("advance_tickets", moving)
    return [claim_of(row) for row in granted]


def claim_params(by: Agent, **options: Unpack[ClaimOptions]) -> dict[str, Any]:
    """The parameters of CLAIM."""
    capabilities, phases = options.get("capabilities"), options.get("phases")
    project = options.get("project")
    return {
        "agent": by.pk,
        "actor": by.label,
        "key": via(by),
        "limit": options.get("limit", 1),
        "lease_s": options.get("lease_s", 60),
        "capabilities": None if capabilities is None else words(capabilities),
        "phases": None if phases is None else phase_names(phases),
        "project": project and project.key,
        "ahead": options.get("ahead", 0),
        "starting": options.get("starting", False),
        "locked": False,
        "starting_profiles": list(options.get("starting_profiles", ())),
        "granted_with": "",
        "guards": [],
        "remembered": False,
    }


def _recovery(row: dict[str, Any]) -> dict[str, Any]:
    """What was tried before, how that failed, and where the work stands."""
    tried = [{**attempt, "error": redact_text(attempt["error"])} for attempt in row["tried"] or ()]
    recovery = {"attempt": row["attempts"], "error": redact_text(row["error"]), "tried": tried}
    if row["checkpoint"]:
        recovery["checkpoint"] = row["checkpoint"]
    return recovery


def claim_of(row: dict[str, Any]) -> Claim:
    brief = {
        "ticket": {"key": row["ticket_key"], "title": row["ticket_title"]},
        "description": row["description"] or row["ticket_description"],
        "context": row["context"],
        "inputs": row["inputs"],
    }
    if row["work_s"] is not None:
        brief["work_s"] = row["work_s"]
    if feedback := shown_in(row["feedback"], row["phase"]):
        brief["feedback"] = [
            {name: value for name, value in item.items() if name != EARLIER} for item in feedback
        ]
        brief["inputs"] = [*row["inputs"], *feedback[0][EARLIER]]
    if row["attempts"] > 1 or row["tried"] or row["checkpoint"]:
        brief["recovery"] = _recovery(row)
    return Claim(
        task=row["id"],
        key=f"{row['ticket_key']}.{row['id']}",
        title=row["title"],
        kind=row["kind"],
        ticket=row["ticket_key"],
        ticket_id=row["ticket_id"],
        phase=row["phase"],
        priority=row["priority"],
        timeout_s=row["timeout_s"],
        fence=row["fence"],
        attempt=row["attempts"],
        lease_expires_at=row["lease_expires_at"],
        stall_after_s=row["stall_s"] or 0,
        profile=row["profile"],
        granted=row["granted"],
        slots=row["slots"],
        brief=brief,
        started=row["started"],
    )
