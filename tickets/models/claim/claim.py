"""Claim: grants ready tasks to an agent, in one statement whose cost does not grow with the backlog.

The statement (claim.sql) reads the lanes that the agent can serve without locks, then locks exactly the tasks
it takes, with SKIP LOCKED. Its snapshot is taken before it waits for the agent's row, so it asks for the
latest grant to see whether the agent was granted tasks in the meantime. If so, it takes nothing and runs once
more, with the lock held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, TypeVar, Unpack

from agents.models import Agent, AgentUnavailable, Key, Project, rights, via
from agents.models.agent import phase_names, words
from agents.models.key_sql import HELD_KEY, KEY_HOLDS
from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from omoi_site.errors import OmoiError
from tickets.models.claim.lease import LEASE_ENDED, Leasing
from tickets.models.explain.sql_fragments import FITS, HEARD, RUNS_ALONE
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
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
    t.rank,
    t.lease_expires_at,
    t.started_at IS NOT NULL AS started,
    t.profile,
    t.slots"""
# Columns of what the holder gets with task `t` of ticket `k`.
BRIEF = sql.statement(__file__, "brief")
# Whether a transaction that the statement's snapshot does not see has made the grant `latest`. If the agent's
# row was locked before (`locked`), the snapshot is newer than every grant. Then it is not asked: the numbers
# of transactions from before a restored backup can be higher than any of this server.
GRANTED_UNSEEN = (
    "NOT %(locked)s::bool AND NOT pg_visible_in_snapshot(latest.xid, pg_current_snapshot())"
    " AND latest.xid <> pg_current_xact_id()"
)


def _claim_statement(missed: str) -> str:
    return sql.statement(
        __file__,
        "claim",
        missed=missed,
        ready=READY,
        held_key=HELD_KEY.format(agents="locked"),
        key_holds=KEY_HOLDS,
        granted_unseen=GRANTED_UNSEEN,
        agent_fits=FITS.format(agent="agent"),
        other_fits=FITS.format(agent="a"),
        held_runs_alone=RUNS_ALONE.format(task="h"),
        heard=HEARD,
        granted=GRANTED,
        brief=BRIEF,
        events=task_events(
            "granted", "'task.claimed'", data="jsonb_build_object('fence', fence, 'attempt', attempts)"
        ),
    )


# Also returns what sweeps have left, if nothing is granted.
CLAIM = _claim_statement(sql.statement(__file__, "claim_missed", lease_ended=LEASE_ENDED, not_due=NOT_DUE))
CLAIM_NEXT = _claim_statement("")
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
    profile: str
    granted: bool  # whether its project may use the profile
    slots: dict[str, Any]
    brief: dict[str, Any] = field(default_factory=dict)
    started: bool = False  # its start is recorded with the claim


class Claiming(Leasing[Row]):
    def claim(self, *, by: Agent, **options: Unpack[ClaimOptions]) -> list[Claim]:
        """Grant up to `limit` ready tasks, most urgent first. `capabilities`, `phases` and `project` narrow
        the choice.

        If it finds nothing, it ends lapsed claims, makes due tasks ready, and looks once more. Raises
        AgentUnavailable, CapacityFull if the agent has no free capacity, and Unauthorized if its key has
        ended.
        """
        rights.require_scope(by, "work")
        params = claim_params(by, **options)
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
        """Like `claim`, but it only looks once, in one statement: None where `claim` would look again or
        raise.
        """
        rights.require_scope(by, "work")
        rows = prepared.rows(CLAIM, claim_params(by, **options))
        if not rows:
            return None
        first = rows[0]
        if first["id"] is None and (not first["free"] or first["lapsed"] or first["due"]):
            return None
        return claims_of(rows)

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
        rows = prepared.rows(CLAIM, params)
        if rows and rows[0]["stale"]:
            return self._take_locked(params)
        return rows

    @sql.joined
    def _take_locked(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        sql.rows("SELECT 1 FROM agents_agent WHERE id = %s FOR NO KEY UPDATE", [params["agent"]])
        return prepared.rows(CLAIM, params | {"locked": True})


def claims_of(rows: list[dict[str, Any]]) -> list[Claim]:
    """The granted tasks of these rows, most urgent first, after a hint for tickets whose phase begins with
    one.
    """
    granted = [row for row in rows if row["id"] is not None]
    granted.sort(key=lambda row: (row["rank"], row["id"]))
    if moving := sorted({row["ticket_id"] for row in granted if row["first_of_phase"]}):
        hints.send("advance_tickets", moving)
    return [_claim(row) for row in granted]


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
    }


def _claim(row: dict[str, Any]) -> Claim:
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
    if row["attempts"] > 1:
        brief["recovery"] = {"attempt": row["attempts"], "error": row["error"]}
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
        profile=row["profile"],
        granted=row["granted"],
        slots=row["slots"],
        brief=brief,
        started=row["started"],
    )
