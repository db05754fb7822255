"""Leases: renewed by the holder, ended by time.

The database's clock decides about expiry, in the statement that writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models

from agents.models import Actor, Agent, Key, holder, rights, via
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from tickets.models.claim.fence import (
    HELD_BY_HAND,
    HELD_WITH_KEY,
    KEY_OF_HOLDER,
    NO_KEY,
    ONE_HELD_WITH_KEY,
    ClaimLost,
    claims_now,
    lost,
    may_be_late,
)
from tickets.models.claim.hands import expect_to_work
from tickets.models.explain.sql_fragments import (
    NO_PROGRESS,
    RUNS_ALONE,
    STALLS_AT,
    TAKE_BACK_DUE,
    TAKEABLE,
    TAKEN_AT,
)
from tickets.models.journal_sql import HELD_S, task_events
from tickets.models.sweep_run import SweepRun
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import TOP, lower_floors_of, relane
from tickets.models.task.open_needs import decide, hint_work
from tickets.models.task.rank import UNBLOCKS
from tickets.models.task.readiness import NOT_DUE, READY, ready_sql

Row = TypeVar("Row", bound=TaskFields)

BATCH = 100
LOOKS = 1_000

RENEW = sql.statement(__file__, "renew", held=HELD_WITH_KEY, held_key=KEY_OF_HOLDER, no_progress=NO_PROGRESS)


def _release_statement(*, held: str, held_key: str) -> str:
    return sql.statement(
        __file__,
        "release",
        held=held,
        held_key=held_key,
        lower_floors=lower_floors_of("released"),
        events=task_events(
            "released",
            "'task.released'",
            data="jsonb_build_object('fence', fence, 'attempt', attempt, 'held_s', held_s)",
            reason="%(reason)s",
        ),
        held_s=HELD_S,
    )


RELEASE = _release_statement(held=ONE_HELD_WITH_KEY, held_key=KEY_OF_HOLDER)
RELEASE_BY_HAND = _release_statement(
    held=HELD_BY_HAND.format(task="%(task)s", fence="%(fence)s"), held_key=NO_KEY
)

HOW_IT_ENDED = """
jsonb_build_object('fence', fence, 'holder', holder, 'state', state)
|| CASE
  WHEN held_s IS NULL THEN '{}'
  ELSE jsonb_build_object('held_s', held_s, 'attempt', attempt)
END
|| CASE WHEN started IS NULL THEN '{}' ELSE jsonb_build_object('started', started) END"""
CHANGED_BY_TIME = sql.statement(
    __file__,
    "changed_by_time",
    lower_floors=lower_floors_of("changed WHERE state = 'pending'"),
    events=task_events("changed", "%(kind)s", data=HOW_IT_ENDED, actor="'system:clock'", key="''"),
)
# The time is a subselect, evaluated once: with a bare clock_timestamp(), every row of the index would be
# read.
NOW = "(SELECT clock_timestamp())"
# The lease of task `t` has ended. The time to look at it is what is indexed; a renewal leaves that as it is.
LEASE_ENDED = f"t.lease_look_at < {NOW} AND t.lease_expires_at < {NOW}"
TIMED_OUT = f"t.timeout_at < {NOW}"


def first(which: str, order: str) -> str:
    return f"{which}\n  ORDER BY t.{order}\n  LIMIT %(limit)s\n  FOR UPDATE OF t SKIP LOCKED"


def end_claims(which: str, *, how: str, died: str, error: str, failure: str = "", settled: str = "") -> str:
    """SQL: end these claims. how: of what kind that is, for the next holder. died: whether their workers
    count as dead. failure: of a task that ends for good. settled: what is remembered of the claim.
    """
    return sql.statement(
        __file__,
        "end_claims",
        which=which,
        died=died,
        error=error,
        how=f"'{how}'",
        failure=f"'{failure}'",
        settled=settled.strip(),
        runs_alone=RUNS_ALONE.format(task="t"),
        held_s=HELD_S,
        unblocks=UNBLOCKS.format(task="t"),
        changed=CHANGED_BY_TIME,
    )


LAPSE_ERROR = "'the lease of ' || a.name || ' ended without a word'"
# Whose claim has lapsed, and with which fence, for a completion that comes late.
LAPSED = """
    settled_by = t.holder_id,
    settled_fence = t.fence,
    settled_as = CASE WHEN old.started AND old.again THEN 'lapsed' ELSE '' END,
"""
LAPSE = end_claims(
    first(LEASE_ENDED, "lease_look_at"), how="lapse", died="true", error=LAPSE_ERROR, settled=LAPSED
)
LOOK_LATER = sql.statement(
    __file__,
    "look_later",
    stalls_at=STALLS_AT,
    takeable=TAKEABLE,
    taken_at=TAKEN_AT,
    overdue=f"t.stalled_at IS NULL AND {NO_PROGRESS} OR {TAKE_BACK_DUE}",
)
ABANDON = end_claims(
    "t.holder_id = %(holder)s\n  ORDER BY t.id\n  FOR UPDATE OF t",
    how="lapse",
    died="true",
    error=LAPSE_ERROR,
)
TIME_OUT = end_claims(
    first(TIMED_OUT, "timeout_at"),
    how="timeout",
    died="false",
    error="'timed out after ' || t.timeout_s || ' s'",
)
WAKE = sql.statement(
    __file__,
    "wake",
    not_due=NOT_DUE,
    otherwise_ready=ready_sql("state", "held", "not_due"),
    unblocks=UNBLOCKS.format(task="t"),
    changed=CHANGED_BY_TIME,
)
PROMOTE = sql.statement(__file__, "promote", changed=CHANGED_BY_TIME)
EXTEND_LEASES = sql.statement(__file__, "extend_leases")
EXTEND_TIMEOUTS = sql.statement(__file__, "extend_timeouts")


def _floors(name: str, bound: str = "") -> str:
    first_ready = sql.statement(__file__, "first_ready", ready=READY, bound=bound).rstrip()
    return sql.statement(__file__, name, first_ready=first_ready, top=f"ARRAY[{TOP}, 0]")


LOOKED_FROM = "(least(o.looked_from, ARRAY[k.floor, k.floor_id]))"
SINCE_LAST_LOOK = f"AND (t.rank, t.id) >= ({LOOKED_FROM}[1], {LOOKED_FROM}[2])"
RAISE_FLOORS = _floors("raise_floors", SINCE_LAST_LOOK)
RESET_FLOORS = _floors("raise_floors")
FOLLOW_CLAIMS = _floors("follow_claims", SINCE_LAST_LOOK)


class Leasing(models.Manager[Row]):
    @sql.patiently
    def renew(
        self,
        claims: Sequence[tuple[int, int]],
        *,
        by: Agent,
        lease_s: int | None = None,
        marks: Sequence[str] = (),
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Renew these claims (task, fence) of `by`, each by its own lease unless `lease_s` is given. marks:
        of each claim, what its work has changed so far; as long as its mark changes, it shows progress.

        Returns (kept, lost): kept as {task, fence, lease_expires_at, stalled}, lost as {task, fence, code,
        state, holder, reason}. The code is `lapsed` if the lease has ended, but the task can still be
        completed; else `claim_lost`. Raises Unauthorized if the key of `by` has ended.
        """
        answers = self._renew(claims, by, lease_s, marks)
        kept = [row for row in answers if row["lease_expires_at"]]
        gone = [(row["task"], row["fence"]) for row in answers if not row["lease_expires_at"]]
        if gone:
            Key.objects.expect_live(by)
        now = claims_now([task for task, _ in gone], by.pk)
        return kept, [_lost(task, fence, now.get(task)) for task, fence in gone]

    def renew_at_once(
        self, claims: Sequence[tuple[int, int]], *, by: Agent, marks: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Like `renew`, but returns only what is kept, each with the state of the agent as `agent_state`, and
        nothing if the key of `by` has ended.
        """
        return [row for row in self._renew(claims, by, None, marks) if row["lease_expires_at"]]

    def _renew(
        self, claims: Sequence[tuple[int, int]], by: Agent, lease_s: int | None, marks: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Each claim as {task, fence, lease_expires_at, stalled}; without a time if it is lost."""
        rights.require_scope(by, "work")
        if not claims:
            return []
        params = {
            "ids": [task for task, _ in claims],
            "fences": [fence for _, fence in claims],
            "marks": list(marks) or [""] * len(claims),
            "agent": by.pk,
            "key": via(by),
            "lease_s": lease_s,
        }
        kept = {(row["task"], row["fence"]): row for row in prepared.rows(RENEW, params)}
        return [
            kept.get(claim) or {"task": claim[0], "fence": claim[1], "lease_expires_at": None}
            for claim in claims
        ]

    @sql.atomic
    def release(self, task: int, fence: int, *, by: Actor, reason: str = "") -> None:
        """Give a claim back; it costs no attempt. A person says why.

        Repeating a release is not an error. Raises ClaimLost.
        """
        agent = holder(by)
        expect_to_work(agent, [task])
        params = {
            "task": task,
            "fence": fence,
            "agent": agent.pk,
            "actor": agent.label,
            "key": via(agent),
            "reason": field_limits.reason(reason, int(bool(agent.person)), "say why you hand it back"),
        }
        released = sql.one(RELEASE_BY_HAND if agent.person else RELEASE, params)
        if released and released["profile"]:
            hints.send("work")
        if not released:
            Key.objects.expect_live(agent)
            now = claims_now([task], agent.pk).get(task)
            if not (
                now
                and now["fence"] == fence
                and (now["settled_by"], now["settled_fence"], now["settled_as"])
                == (agent.pk, fence, "released")
            ):
                raise lost(now, fence)

    # -- effects of time; run by the clock, and by a claim that finds nothing

    @sql.atomic
    def lapse(self, limit: int = BATCH) -> int:
        """End claims whose lease has ended; returns how many. Their tasks are ready again at once if attempts
        are left.

        The first call after a time without sweeps extends claims held at their last run by 30 s.
        """
        SweepRun.forgive_absence("lapse", EXTEND_LEASES)
        ended = follow_up(
            sql.rows(
                LAPSE,
                {"limit": limit, "kind": "task.lapsed", "fate": ": its lease ended without a word"},
            )
        )
        SweepRun.ran("lapse")
        return ended

    @sql.atomic
    def look_later(self, limit: int = LOOKS) -> int:
        """Look at claims that were renewed again when their lease ends; returns how many."""
        return len(sql.rows(LOOK_LATER, {"limit": limit}))

    @sql.atomic
    def time_out(self, limit: int = BATCH) -> int:
        """End claims that have run longer than their task allows; returns how many."""
        SweepRun.forgive_absence("time_out", EXTEND_TIMEOUTS)
        return follow_up(sql.rows(TIME_OUT, {"limit": limit, "kind": "task.timed_out", "fate": ""}))

    @sql.atomic
    def wake(self, limit: int = BATCH) -> int:
        """Make tasks ready whose time has come; returns how many."""
        return follow_up(sql.rows(WAKE, {"limit": limit, "kind": "task.woken"}))

    @sql.atomic
    def promote(self, limit: int = BATCH) -> int:
        """Put tasks near their deadline, or ready for too long, before all ordinary work; returns how
        many.
        """
        return follow_up(sql.rows(PROMOTE, {"limit": limit, "kind": "task.promoted"}))

    @sql.atomic
    def raise_floors(self) -> None:
        """Set each lane's floor to its first ready task, so that claims skip dead index entries. It looks
        only at what is new since the last time.
        """
        sql.rows(RAISE_FLOORS)

    @sql.atomic
    def follow_claims(self) -> int:
        """Raise the floors of lanes from which tasks were claimed just now; returns how many. Between two
        calls of `raise_floors`, which it does not replace.
        """
        return len(sql.rows(FOLLOW_CLAIMS))

    @sql.atomic
    def reset_floors(self) -> None:
        """Like `raise_floors`, but looks at everything that is ready."""
        sql.rows(RESET_FLOORS)


def _lost(task: int, fence: int, now: dict[str, Any] | None) -> dict[str, Any]:
    code = "lapsed" if may_be_late(now, fence) else ClaimLost.code
    refusal = lost(now, fence)
    return {"task": task, "fence": fence, "code": code, "reason": refusal.reason, **refusal.more}


def follow_up(changed: list[dict[str, Any]]) -> int:
    """Handle the effects of tasks that these sweeps have changed; returns how many tasks there are."""
    if granted_again := [row["id"] for row in changed if row["died"] and row["state"] == "pending"]:
        relane(granted_again)
    failed = [row for row in changed if row["state"] == "failed"]
    if failed:
        hint_work(decide([row["id"] for row in failed]))
        hints.send("advance_tickets", sorted({row["ticket_id"] for row in failed}))
    if any(row["profile"] and row["state"] == "pending" for row in changed):
        hints.send("work")
    return len(changed)
