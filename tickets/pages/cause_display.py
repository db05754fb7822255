"""Why a card does not move, in one line: the gravest cause of each of many tickets, in a fixed number of
statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omoi_site.database import sql
from tickets.models import Tally, Task, Ticket
from tickets.models.task.readiness import READY
from tickets.workflows.document import BLOCKED


@dataclass(frozen=True)
class Cause:
    """`tone` is the state it is drawn in, `icon` its sign, `text` what stands in the way, `since` when it
    began.
    """

    tone: str
    icon: str
    text: str
    since: datetime | None = None


@dataclass(frozen=True)
class SharedCause:
    """What keeps `count` tickets that are ready from being taken up, and what would help."""

    cause: Cause
    how: str
    count: int


# How the code of an obstacle is drawn. Who is busy, and what only waits to be taken up, is no cause to show.
DRAWN = {
    "need": ("warn", "git-branch"),
    "lock": ("warn", "lock"),
    "capability": ("need", "bot"),
    "limit": ("bad", "circle-x"),
    "worker_lost": ("bad", "circle-x"),
    "pause": ("warn", "circle-pause"),
    "phase": ("mute", "circle-dashed"),
    "not_due": ("mute", "clock"),
    "gate": ("bad", "shield-alert"),
    "approval": ("need", "hand"),
    "question": ("need", "hand"),
    "handoff": ("need", "hand"),
    "agent_silent": ("bad", "triangle-alert"),
    "budget": ("warn", "ban"),
    "broker": ("bad", "triangle-alert"),
    "clock": ("mute", "clock"),
}
MOVING = {"capacity"}
STALLED = ("bad", "circle-x")


# Of each lane of a project, how many tickets have a task of it that is ready as the first of their open ones,
# and one such task.
READY_LANES = sql.statement(__file__, "ready_lanes", ready=READY)


def shared_causes(project: int) -> list[SharedCause]:
    """What keeps the ready tickets of a project from being taken up: tasks of one lane wait for the same
    agents, so one task of each lane is explained.
    """
    lanes = sql.rows(READY_LANES, [project])
    explanations = Task.objects.explanations(row["task"] for row in lanes) if lanes else {}
    return _by_text([(explanations[row["task"]]["causes"], row["tickets"]) for row in lanes])


def causes_of(tickets: Sequence[Ticket], tallies: Mapping[int, Tally]) -> dict[int, Cause]:
    """The cause of every one of these tickets that stands still; what keeps ready ones from being taken up is
    shown once, by `shared_causes`.
    """
    stalled = _stalled(tickets)
    causes: dict[int, Cause] = {}
    waiting: dict[int, int] = {}  # the task of a ticket that says why
    for ticket in tickets:
        tally = tallies.get(ticket.pk, Tally())
        if ticket.closed:
            continue
        if cause := stalled.get(ticket.pk) or of_itself(ticket, tally):
            causes[ticket.pk] = cause
        elif (task := tally.telling) and task != tally.first_ready:
            waiting[ticket.pk] = task
    explanations = Task.objects.explanations(waiting.values()) if waiting else {}
    for pk, task in waiting.items():
        if cause := drawn(explanations[task]["causes"]):
            causes[pk] = cause
    return causes


def _by_text(lanes: Sequence[tuple[list[dict[str, Any]], int]]) -> list[SharedCause]:
    """Of the causes of each lane and its number of tickets, one for each text, the most frequent first."""
    shared: dict[str, SharedCause] = {}
    for causes, count in lanes:
        if cause := drawn(causes):
            before = shared[cause.text].count if cause.text in shared else 0
            shared[cause.text] = SharedCause(cause, causes[0]["how"], count + before)
    return sorted(shared.values(), key=lambda cause: -cause.count)


def _stalled(tickets: Sequence[Ticket]) -> dict[int, Cause]:
    """Asked only where one of them was tried in vain: whether it is still due."""
    tried = {ticket.pk: ticket for ticket in tickets if ticket.move_fault}
    due = Ticket.objects.filter(pk__in=tried).stalled().values_list("pk", flat=True) if tried else []
    return {
        pk: Cause(*STALLED, f"Cannot move on: {tried[pk].move_fault}", tried[pk].move_fault_at) for pk in due
    }


def of_itself(ticket: Ticket, tally: Tally) -> Cause | None:
    if ticket.phase == BLOCKED:
        return Cause("warn", "octagon-x", f"Blocked: {ticket.blocked_reason}", ticket.phase_since)
    if ticket.paused:
        return Cause(
            "warn", "circle-pause", f"Paused{f': {ticket.pause_reason}' if ticket.pause_reason else ''}"
        )
    if not tally.total:
        return Cause("mute", "circle-dashed", "No task yet")
    return None


def causes_to_show(causes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """These causes of explain, each with its tone, icon and sentence; who is busy, and what only waits to be
    taken up, is left out.
    """
    return [{**cause, "drawn": drawn([cause], whole=True)} for cause in causes if cause["code"] not in MOVING]


def drawn(causes: Sequence[dict[str, Any]], *, whole: bool = False) -> Cause | None:
    """The first cause as it is drawn; not `whole`: in as few words as a card has room for."""
    if not causes or causes[0]["code"] in MOVING:
        return None
    cause = causes[0]
    tone, icon = DRAWN.get(cause["code"], ("mute", "circle-dashed"))
    if cause["code"] == "need" and cause["who"] == "operator":
        tone, icon = "bad", "circle-x"
    return Cause(tone, icon, sentence(cause) if whole else short(cause), cause["since"])


def short(cause: Mapping[str, Any]) -> str:
    kind, _, name = cause["who"].partition(":")
    if cause["code"] == "agent_silent" and kind == "agent":
        return f"{name} is silent"
    return sentence(cause)


def sentence(cause: Mapping[str, Any]) -> str:
    """What `explain` says, with a capital letter unless it begins with an agent's name."""
    what, (kind, _, name) = cause["what"], cause["who"].partition(":")
    return what if kind == "agent" and what.startswith(name) else what[:1].upper() + what[1:]
