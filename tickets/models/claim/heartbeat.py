"""Heartbeat: an agent says that it lives and which claims it keeps, and hears what it must do.

What it hears are its commands: `cancel` for each claim that it names and has lost, `nudge` for one that shows
no progress, `drain` while it takes no new work, `check_processes` while another process works under its name.
A command is repeated until it is obeyed, so one that is lost with its answer costs only time. A rule that has
something to say to a holder adds its command here: about the agent in `_of_agent`, about a claim in
`_of_claims`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agents.models import Agent, Key
from omoi_site.database import sql
from tickets.models.claim.lease import Leasing
from tickets.models.task.fields import TaskFields

Row = TypeVar("Row", bound=TaskFields)
Command = dict[str, Any]  # `command` is its name

ENDS = {
    "task.cancelled": "the task was cancelled",
    "task.completed": "the claim was settled: the task is completed",
    "task.failed": "the claim was settled: the task has failed",
    "task.lapsed": "its lease ended without a heartbeat",
    "task.released": "the claim was given back",
    "task.retried": "the claim was settled: the task is tried again",
    "task.revoked": "the task was taken back",
    "task.taken_back": "the task was taken back, because nothing showed that the work went on",
    "task.timed_out": "the task ran longer than it may",
}
MOST_EXPLAINED = 100  # lost claims whose end is looked up
EXAMINED = 200  # events of each ticket
CLAIM_ENDS = sql.statement(__file__, "claim_ends")


@dataclass(frozen=True)
class Report:
    """What an agent says of itself: its condition, its metrics, and which of its processes says so."""

    word: str | None = None
    metrics: dict[str, Any] | None = None
    instance: str = ""

    @property
    def empty(self) -> bool:
        return self == EMPTY

    def note(self, agent: Agent) -> list[str]:
        """Store it; returns the other processes that live under this name."""
        return [] if self.empty else agent.seen(word=self.word, metrics=self.metrics, instance=self.instance)


EMPTY = Report()


@dataclass(frozen=True)
class Heartbeat:
    """The answer: kept claims as {task, fence, lease_expires_at}, lost ones as {task, fence, code,
    state, holder, reason}."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


class Heartbeats(Leasing[Row]):
    def beat(
        self,
        claims: Sequence[tuple[int, int]],
        *,
        by: Agent,
        marks: Sequence[str] = (),
        report: Report = EMPTY,
    ) -> Heartbeat:
        """Renew these claims (task, fence) of `by`, which must have been read just now, each with its mark of
        activity, and store what it says of itself. Raises Unauthorized if its key has ended.
        """
        others = report.note(by)
        kept, lost = self.renew(claims, by=by, marks=marks)
        commands = _of_agent(by.state, others) + _of_claims(kept) + _cancel(lost)
        return Heartbeat(kept, lost, commands)

    def beat_at_once(
        self,
        claims: Sequence[tuple[int, int]],
        *,
        by: Agent,
        marks: Sequence[str] = (),
        report: Report = EMPTY,
    ) -> Heartbeat | None:
        """Like `beat`, in one statement if nothing is reported; None if a claim is lost or the key of `by`
        has ended. `by` may have been read some time ago.
        """
        kept = self.renew_at_once(claims, by=by, marks=marks)
        if len(kept) < len(claims):
            return None
        state = kept[0]["agent_state"] if kept else Key.objects.state_of_holder(by)
        if state is None:
            return None
        return Heartbeat(kept, commands=_of_agent(state, report.note(by)) + _of_claims(kept))


def _of_agent(state: str, others: Sequence[str]) -> list[Command]:
    commands: list[Command] = []
    if state == Agent.State.DRAINING:
        commands.append({"command": "drain", "reason": "finish what you hold; nothing new is granted"})
    if others:
        named = ", ".join(others)
        commands.append(
            {
                "command": "check_processes",
                "instances": list(others),
                "reason": f"another process sends heartbeats under this name: {named}",
            }
        )
    return commands


def _of_claims(kept: Sequence[dict[str, Any]]) -> list[Command]:
    """Show progress on claims that show none."""
    return [
        {
            "command": "nudge",
            "task": row["task"],
            "fence": row["fence"],
            "reason": "nothing shows that the work goes on: report progress, or a new mark of activity",
        }
        for row in kept
        if row["stalled"]
    ]


def _cancel(lost: Sequence[dict[str, Any]]) -> list[Command]:
    """Stop the work on each lost claim, and why, as far as the agent may see the task."""
    lost = [row for row in lost if row["code"] != "lapsed"]  # it can still be completed
    if not lost:
        return []
    seen = [row for row in lost if row["state"] is not None][:MOST_EXPLAINED]
    params = {
        "ids": [row["task"] for row in seen],
        "fences": [row["fence"] for row in seen],
        "kinds": list(ENDS),
        "examined": EXAMINED,
    }
    ends = {(row["task"], row["fence"]): row for row in (sql.rows(CLAIM_ENDS, params) if seen else ())}
    return [
        {
            "command": "cancel",
            "task": row["task"],
            "fence": row["fence"],
            "reason": _why(row, ends.get((row["task"], row["fence"]))),
        }
        for row in lost
    ]


def _why(lost: dict[str, Any], end: dict[str, Any] | None) -> str:
    if end:
        return f"{ENDS[end['kind']]}: {end['reason']}" if end["reason"] else ENDS[end["kind"]]
    return str(lost["reason"])
