"""Why a card is not moving, in one line: the most serious cause of each of many tickets, in a fixed number of
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
class CauseDisplay:
    """`tone` is its colour, `icon` its icon, `text` the cause, `since` when it began."""

    tone: str
    icon: str
    text: str
    since: datetime | None = None


@dataclass(frozen=True)
class SharedCause:
    """Why `count` ready tickets are not claimed, and what would help."""

    cause: CauseDisplay
    how: str
    count: int


# Tone and icon of each obstacle code. Busy agents, and tasks that only wait to be claimed, are not shown.
TONES_AND_ICONS = {
    "need": ("warn", "git-branch"),
    "lock": ("warn", "lock"),
    "capability": ("attention", "bot"),
    "limit": ("bad", "circle-x"),
    "worker_lost": ("bad", "circle-x"),
    "validation": ("bad", "circle-x"),
    "freeze": ("attention", "circle-pause"),
    "pause": ("warn", "circle-pause"),
    "phase": ("neutral", "circle-dashed"),
    "not_due": ("neutral", "clock"),
    "gate": ("bad", "shield-alert"),
    "approval": ("attention", "hand"),
    "question": ("attention", "hand"),
    "handoff": ("attention", "hand"),
    "agent_silent": ("bad", "triangle-alert"),
    "no_progress": ("warn", "clock"),
    "quota": ("warn", "ban"),
    "budget": ("warn", "ban"),
    "review_full": ("attention", "hand"),
    "broker": ("bad", "triangle-alert"),
    "clock": ("neutral", "clock"),
}
MOVING = {"capacity"}
STALLED = ("bad", "circle-x")


# For each lane of a project: how many tickets have a ready task in it as their first open task, and one such
# task.
READY_LANES = sql.statement(__file__, "ready_lanes", ready=READY)


def shared_causes(project: int) -> list[SharedCause]:
    """Why ready tickets of a project are not claimed. Tasks of one lane wait for the same agents, so only one
    task per lane is explained.
    """
    lanes = sql.rows(READY_LANES, [project])
    explanations = Task.objects.explanations(row["task"] for row in lanes) if lanes else {}
    return _by_text([(explanations[row["task"]]["causes"], row["tickets"]) for row in lanes])


def displays_of(tickets: Sequence[Ticket], tallies: Mapping[int, Tally]) -> dict[int, CauseDisplay]:
    """The cause of each of these tickets that is not moving. `shared_causes` shows once why ready ones are
    not claimed.
    """
    stalled = _stalled(tickets)
    causes: dict[int, CauseDisplay] = {}
    waiting: dict[int, int] = {}  # the task of a ticket that explains it
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
        if cause := display_of(explanations[task]["causes"]):
            causes[pk] = cause
    return causes


def _by_text(lanes: Sequence[tuple[list[dict[str, Any]], int]]) -> list[SharedCause]:
    """Merge the causes of lanes by text, most frequent first."""
    shared: dict[str, SharedCause] = {}
    for causes, count in lanes:
        if cause := display_of(causes):
            before = shared[cause.text].count if cause.text in shared else 0
            shared[cause.text] = SharedCause(cause, causes[0]["how"], count + before)
    return sorted(shared.values(), key=lambda cause: -cause.count)


def _stalled(tickets: Sequence[Ticket]) -> dict[int, CauseDisplay]:
    """Which tickets with a failed automatic move are still due; without any, no query is made."""
    tried = {ticket.pk: ticket for ticket in tickets if ticket.move_fault}
    due = Ticket.objects.filter(pk__in=tried).stalled().values_list("pk", flat=True) if tried else []
    return {
        pk: CauseDisplay(*STALLED, f"Cannot move on: {tried[pk].move_fault}", tried[pk].move_fault_at)
        for pk in due
    }


def of_itself(ticket: Ticket, tally: Tally) -> CauseDisplay | None:
    if ticket.phase == BLOCKED:
        return CauseDisplay("warn", "octagon-x", f"Blocked: {ticket.blocked_reason}", ticket.phase_since)
    if ticket.paused:
        return CauseDisplay(
            "warn", "circle-pause", f"Paused{f': {ticket.pause_reason}' if ticket.pause_reason else ''}"
        )
    if not tally.total:
        return CauseDisplay("neutral", "circle-dashed", "No task yet")
    return None


def with_displays(causes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """These causes of explain with tone, icon and sentence. Busy agents, and tasks that only wait to be
    claimed, are left out.
    """
    return [
        {**cause, "display": display_of([cause], whole=True)}
        for cause in causes
        if cause["code"] not in MOVING
    ]


def display_of(causes: Sequence[dict[str, Any]], *, whole: bool = False) -> CauseDisplay | None:
    """The first cause to show. Without `whole`, its text is short enough for a card."""
    if not causes or causes[0]["code"] in MOVING:
        return None
    cause = causes[0]
    tone, icon = TONES_AND_ICONS.get(cause["code"], ("neutral", "circle-dashed"))
    if cause["code"] == "need" and cause["who"] == "operator":
        tone, icon = "bad", "circle-x"
    return CauseDisplay(tone, icon, sentence(cause) if whole else short(cause), cause["since"])


def short(cause: Mapping[str, Any]) -> str:
    kind, _, name = cause["who"].partition(":")
    if cause["code"] == "agent_silent" and kind == "agent":
        return f"{name} is silent"
    return sentence(cause)


def sentence(cause: Mapping[str, Any]) -> str:
    """The sentence of `explain`, with a capital letter unless it begins with an agent's name."""
    what, (kind, _, name) = cause["what"], cause["who"].partition(":")
    return what if kind == "agent" and what.startswith(name) else what[:1].upper() + what[1:]
