"""The steps of a ticket through its phases, read from its history, with the time in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from omoi_site.templatetags.omoi import span
from tickets.models import PhaseMove, Ticket
from tickets.workflows.document import BLOCKED, CANCELLED


@dataclass(frozen=True)
class Step:
    """`state`: done, now or next. `spent` is None for a phase that the ticket was never in."""

    phase: str
    state: str
    spent: timedelta | None
    blocked: timedelta | None = None  # time blocked in this phase, not part of `spent`
    over: bool = False  # the ticket was cancelled

    @property
    def time(self) -> str:
        """The time in this phase, in words."""
        if self.spent is None:
            time = "passed over" if self.state == "done" else "not started"
        else:
            now = self.state == "now" and not self.over
            time = f"{span(self.spent)} so far" if now else span(self.spent)
        return f"{time}, blocked {span(self.blocked)}" if self.blocked else time


def steps_of(ticket: Ticket, history: Sequence[PhaseMove]) -> list[Step]:
    """One step for each phase of the ticket's workflow. A blocked or cancelled ticket counts as in the phase
    it came from.
    """
    spent, halted = time_in_phases(history), time_blocked(history)
    phase_now = effective_phase(ticket, history)
    position = ticket.plan[phase_now].position if phase_now in ticket.plan else 0

    def state_of(step: int) -> str:
        if step < position or ticket.done:
            return "done"
        return "now" if step == position else "next"

    return [
        Step(
            phase.name,
            state_of(phase.position),
            spent.get(phase.name),
            halted.get(phase.name),
            ticket.phase == CANCELLED,
        )
        for phase in ticket.plan.phases
    ]


def effective_phase(ticket: Ticket, history: Sequence[PhaseMove]) -> str:
    """Its phase, or the one before it was blocked or cancelled."""
    phase = ticket.phase
    for move in reversed(history):
        if phase not in (BLOCKED, CANCELLED):
            break
        phase = move.from_phase or phase
    return phase


def time_in_phases(history: Sequence[PhaseMove]) -> dict[str, timedelta]:
    """How long the ticket was in each phase, all stays together; the last stay ends now."""
    ends = [move.at for move in history[1:]] + [timezone.now()]
    spent: dict[str, timedelta] = {}
    for move, end in zip(history, ends, strict=True):
        spent[move.to_phase] = spent.get(move.to_phase, timedelta()) + (end - move.at)
    return spent


def time_blocked(history: Sequence[PhaseMove]) -> dict[str, timedelta]:
    """How long the ticket was blocked, by the phase it was blocked in."""
    ends = [move.at for move in history[1:]] + [timezone.now()]
    halted: dict[str, timedelta] = {}
    for move, end in zip(history, ends, strict=True):
        if move.to_phase == BLOCKED and move.from_phase:
            halted[move.from_phase] = halted.get(move.from_phase, timedelta()) + (end - move.at)
    return halted
