"""Settle: the holder reports how a claim ended.

The first statement checks the fence and writes, in one UPDATE. The second is sent with it and asks whether
anything needs the tasks, with a new snapshot, so it sees an edge added while the first waited for a row:
adding an edge locks the parent. Only then the children are read and decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Actor, Agent, Key, holder, via
from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from tickets.models.claim import failures
from tickets.models.claim.claim_sql import LOCK_AGENT
from tickets.models.claim.consequences import Consequences
from tickets.models.claim.failure_kind import TRANSIENT
from tickets.models.claim.fence import (
    HELD_BY_HAND,
    HELD_OR_LATE_WITH_KEY,
    HOLDS,
    KEY_OF_HOLDER,
    NO_KEY,
    claims_now,
    lost,
)
from tickets.models.claim.hands import expect_reason, expect_to_work
from tickets.models.claim.outcome import Outcome, Settlement
from tickets.models.claim.quota import meet_limits
from tickets.models.coordination.operation import CUSTOM_KIND
from tickets.models.journal_sql import HELD_S, task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import relane
from tickets.models.task.open_needs import decide, hint_work
from tickets.models.task.readiness import MOST_RATE_LIMITS

Row = TypeVar("Row", bound=TaskFields)

HOW_IT_ENDED = """
jsonb_build_object('fence', fence, 'attempt', attempt, 'held_s', held_s)
|| CASE failure_kind WHEN '' THEN '{}' ELSE jsonb_build_object('kind', failure_kind) END
|| CASE settled_as WHEN 'late' THEN jsonb_build_object('late', true) ELSE '{}' END"""
# How long an agent that failed an attempt gets the task only if no other can take it.
AVOIDED_FOR = "interval '30 min'"
NOT_AN_OBJECT = "a custom merge must give the merged result as a JSON object"


def _settle_statement(
    *, held: str, holds: str, held_key: str, avoided_by: str, avoided_for: str, reason: str
) -> str:
    return sql.statement(
        __file__,
        "settle",
        held=held,
        holds=holds,
        held_key=held_key,
        held_s=HELD_S,
        avoided_by=avoided_by,
        avoided_for=avoided_for,
        custom_merge=CUSTOM_KIND,
        not_an_object=NOT_AN_OBJECT,
        often=str(MOST_RATE_LIMITS),
        events=task_events(
            "settled",
            "CASE state WHEN 'pending' THEN 'task.retried' ELSE 'task.' || state END",
            data=HOW_IT_ENDED,
            reason=reason,
        ),
    )


SETTLE = _settle_statement(
    held=HELD_OR_LATE_WITH_KEY,
    holds=HOLDS,
    held_key=KEY_OF_HOLDER,
    avoided_by="%(agent)s::bigint",
    avoided_for=AVOIDED_FOR,
    reason="error",
)
# By a person, who is never late, and who is granted nothing that they could avoid.
SETTLE_BY_HAND = _settle_statement(
    held=HELD_BY_HAND.format(task="i.id", fence="i.fence"),
    holds="true",
    held_key=NO_KEY,
    avoided_by="NULL::bigint",
    avoided_for="NULL::interval",
    reason="CASE error WHEN '' THEN %(reason)s::text ELSE error END",
)
NEEDED = sql.statement(__file__, "needed")
# What is asked for, and as what it was settled.
ACTS = {("completed", "completed"), ("completed", "late"), ("failed", "failed")}


class Settling(models.Manager[Row]):
    @sql.joined
    def settle(self, outcomes: Sequence[Outcome], *, by: Actor, reason: str = "") -> list[Settlement]:
        """Complete or fail claims of `by`. An outcome with an old fence changes nothing. A person says why:
        a failure by its error, a completion by the `reason`.

        A completion whose lease has ended is taken all the same, and marked late, as long as nobody was
        granted the task since or took the claim away.

        Returns one Settlement per outcome, in order: the new state, or `claim_lost` and the present holder.
        A custom merge whose result is no object has failed. Repeating an outcome with the same fence, while
        no newer fence exists, returns the task as it is. Artifacts are stored for what is settled now: all of
        them, or nothing is settled.
        """
        agent = holder(by)
        if agent.person:
            reason = expect_reason(outcomes, reason)
        lock = LOCK_AGENT if failures.counting(outcomes, by=agent) else ""
        settlements, freed = self._settle(outcomes, agent, lock=lock, reason=reason)
        hint_work(freed)
        return settlements

    def _settle(
        self, outcomes: Sequence[Outcome], by: Agent, *, lock: str = "", reason: str = ""
    ) -> tuple[list[Settlement], list[int]]:
        """As `settle`, in the caller's transaction; and the tasks with a profile that are ready because of
        it, of which the caller must tell the workers. `lock`: a statement that runs before, with the
        parameters of SETTLE.
        """
        expect_to_work(by, [outcome.task for outcome in outcomes])
        # of two outcomes for one task, the first counts
        first = {outcome.task: outcome for outcome in reversed(outcomes)}
        more = Consequences.prepare(list(first.values()), by=by, lock=lock)
        rounds = [more.rounds.get(task) for task in first]
        params = {
            "agent": by.pk,
            "actor": by.label,
            "key": via(by),
            "ids": list(first),
            "fences": [outcome.fence for outcome in first.values()],
            "outcomes": [outcome.state for outcome in first.values()],
            "results": [
                None if outcome.result is None else Jsonb(outcome.result) for outcome in first.values()
            ],
            "errors": [outcome.error for outcome in first.values()],
            "again": [outcome.failure_kind == TRANSIENT for outcome in first.values()],
            "limited": [outcome.met_limit for outcome in first.values()],
            "kinds": [outcome.failure_kind for outcome in first.values()],
            "rechecks": [bool(round and round.again) for round in rounds],
            "failures": [round.failure if round else "" for round in rounds],
        }
        if by.person:
            params["reason"] = reason
        settle = SETTLE_BY_HAND if by.person else SETTLE
        statements = [lock, settle, NEEDED] if lock else [settle, NEEDED]
        *_, rows, [needs] = prepared.together(*[(statement, params) for statement in statements])
        settled = {row["id"]: Settlement(row["id"], row["state"], late=row["late"]) for row in rows}
        more.record(settled.keys(), by=by)
        if failed := failures.counting([first[task] for task in settled], by=by):
            failures.stop_if_too_many(failed, by=by)
        if again := [row["id"] for row in rows if row["state"] == "pending"]:
            relane(again)
        ended = [row["id"] for row in rows if row["state"] != "pending"]
        freed = decide(ended, deep=needs["deep"]) if needs["needed"] else []
        if limited := [first[task] for task in settled if first[task].met_limit]:
            meet_limits(limited, by=by)
        # Two last tasks that end at the same moment do not see each other; a sweep then advances their
        # ticket.
        if over := sorted({row["ticket_id"] for row in rows if row["over"]}):
            hints.send("advance_tickets", over)
        not_settled = [
            outcome.task
            for outcome in outcomes
            if outcome.task not in settled or outcome is not first[outcome.task]
        ]
        if not_settled:
            Key.objects.expect_live(by)
        now = claims_now(not_settled, by.pk)
        settlements = [
            settled[outcome.task]
            if outcome.task in settled and outcome is first[outcome.task]
            else _repeated(outcome, now.get(outcome.task), by)
            for outcome in outcomes
        ]
        return settlements, freed


def _repeated(outcome: Outcome, now: dict[str, Any] | None, by: Agent) -> Settlement:
    if (
        now
        and now["fence"] == outcome.fence
        and (now["settled_by"], now["settled_fence"]) == (by.pk, outcome.fence)
        and (outcome.state, now["settled_as"]) in ACTS
    ):
        return Settlement(outcome.task, now["state"], repeated=True, late=now["settled_as"] == "late")
    return Settlement(outcome.task, lost=lost(now, outcome.fence))
