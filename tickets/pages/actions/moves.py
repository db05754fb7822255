"""Moves of a ticket: advance, send back, block, cancel, force and so on.

The model says where each can lead and what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Count, Q

from omoi_site import humanize
from omoi_site.humanize import counted
from tickets.models import Ticket
from tickets.models.task.readiness import READY_Q
from tickets.models.ticket.fields import TransitionNotAllowed
from tickets.models.ticket.transition_options import Option
from tickets.pages.actions.action import WRITE, TicketAction
from tickets.pages.forms import ActionForm, BlockForm, MoveForm, ReasonForm
from tickets.workflows.document import BLOCKED, CANCELLED


class Move(TicketAction):
    """verb: its name in the model. to: its fixed destination; empty: the person chooses a phase."""

    verb: ClassVar[str]
    to: ClassVar[str] = ""
    nearest_first: ClassVar[bool] = False
    force: ClassVar[bool] = False

    @cached_property
    def options(self) -> list[Option]:
        return [option for option in self.permissions.options if option.verb == self.verb]

    @property
    def available(self) -> bool:
        return bool(self.options)

    @property
    def permitted(self) -> bool:
        return all(option.permitted for option in self.options)

    @property
    def scope(self) -> str:
        return next((option.scope for option in self.options), WRITE)

    @property
    def least_reason(self) -> int:
        return max((option.least_reason for option in self.options), default=0)

    @property
    def destinations(self) -> list[str]:
        phases = [option.to for option in self.options]
        return phases[::-1] if self.nearest_first else phases

    @property
    def effects_by_destination(self) -> list[tuple[str, Sequence[str]]]:
        """Its further effects, for each possible destination."""
        return []

    @property
    def full(self) -> dict[str, int]:
        """The destinations that have no room, each with its limit; a forced move asks for none."""
        return {option.to: option.full for option in self.options if option.full and not self.force}

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        if self.to:
            return ReasonForm(data, label=self.reason_label, least=self.asked_length(data), **how)
        how = {"label": self.reason_label, "least": self.asked_length(data), "choose": self.force, **how}
        if data is None:
            how |= {"destinations": self.destinations, "full": self.full}
        return MoveForm(data, **how)

    def asked_length(self, data: Mapping[str, Any] | None) -> int:
        """The minimum length of the reason on the page. For data that was sent it is 0: the verb checks the
        right first, then the reason.
        """
        return self.least_reason if data is None else 0

    def recorded(self, form: ActionForm) -> AbstractContextManager[None]:
        to = self.to or form.readable.get("to") or self.ticket.phase
        return Ticket.objects.record_refusals(self.ticket.pk, to, by=self.by)

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        """A move is identified by its destination, so check that it is still the same move."""
        super().expect_as_offered(values)
        if not self.to and values["to"] not in self.destinations:
            raise TransitionNotAllowed(
                f"{self.ticket.key} cannot go to {humanize.phase(values['to'])} this way; "
                f"it may go to {humanize.phases(self.destinations) or 'no phase'}"
            )

    def do(self, values: dict[str, Any]) -> str:
        return f"{self.ticket.key} is now in {humanize.phase(self.move(values))}"

    def move(self, values: dict[str, Any], **how: Any) -> str:
        to: str = self.to or values["to"]
        how |= {"reason": values["reason"], "version": values["version"]}
        how["past_limit"] = values.get("past_limit", False)
        Ticket.objects.move(self.ticket.pk, to, by=self.by, **how)
        return to


class Advance(Move):
    name = "advance"
    verb = "advance"
    label = "Advance"
    icon = "arrow-right"

    @property
    def effects(self) -> Sequence[str]:
        phase = self.ticket.plan[self.ticket.phase]
        gate = f"The gate is judged first: {counted(len(phase.gate), 'check')}."
        effects = [gate if phase.gate else f"{humanize.phase(phase.name)} has no gate."]
        if left := sum(count_tasks(self.ticket, "pending", "claimed")):
            tasks = f"{counted(left, 'task')} of this phase {'is' if left == 1 else 'are'} still open"
            effects.append(f"{tasks} and must be completed or cancelled first.")
        return effects


class Unblock(Move):
    name = "unblock"
    verb = "unblock"
    label = "Unblock"
    icon = "corner-down-right"
    nearest_first = True


class Reopen(Move):
    name = "reopen"
    verb = "reopen"
    label = "Reopen"
    icon = "rotate-ccw"
    nearest_first = True


class SendBack(Move):
    name = "back"
    verb = "send_back"
    label = "Send back"
    icon = "undo-2"
    nearest_first = True

    @property
    def effects(self) -> Sequence[str]:
        return [effect_of_leaving(self.ticket)]


class Force(Move):
    name = "force"
    verb = "force"
    label = "Force a transition"
    icon = "shield-alert"
    dangerous = True
    force = True

    @property
    def effects(self) -> Sequence[str]:
        marked = "The history will show the move as forced, with your name and reason."
        return [effect_of_leaving(self.ticket), marked]

    @property
    def effects_by_destination(self) -> list[tuple[str, Sequence[str]]]:
        left = self.ticket.plan[self.ticket.effective_phase]
        return [(to, self.effects_of(left, to)) for to in self.destinations]

    def effects_of(self, left: Any, to: str) -> Sequence[str]:
        """Which gates it skips after the phase `left`, and what happens in `to`."""
        plan, entered = self.ticket.plan, self.ticket.plan[to]
        gates = " and ".join(
            f"{humanize.phase(phase.name)} ({counted(len(phase.gate), 'check')})"
            for phase in plan.phases
            if phase.gate and left.position <= phase.position < entered.position
        )
        effects = [f"Skipped gates: {gates}." if gates else "No gate is skipped."]
        if entered.terminal:
            effects.append("The ticket then ends: no more work can be added to it.")
        return effects

    def do(self, values: dict[str, Any]) -> str:
        return f"{self.ticket.key} was forced to {humanize.phase(self.move(values, force=True))}"


class Block(Move):
    name = "block"
    verb = "block"
    to = BLOCKED
    label = "Block"
    icon = "octagon-x"
    reason_label = "What it waits for"

    @property
    def effects(self) -> Sequence[str]:
        return [effect_of_stopping(self.ticket)]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return BlockForm(data, label=self.reason_label, least=self.asked_length(data), **how)

    def do(self, values: dict[str, Any]) -> str:
        self.move(values, cause=values["class"])
        return f"{self.ticket.key} is blocked"


class Cancel(Move):
    name = "cancel"
    verb = "cancel"
    to = CANCELLED
    label = "Cancel ticket"
    icon = "ban"
    dangerous = True

    @property
    def effects(self) -> Sequence[str]:
        counts = self.ticket.tasks.open().aggregate(
            open=Count("pk"), claimed=Count("pk", filter=Q(state="claimed"))
        )
        if not counts["open"]:
            return ["It has no open task."]
        work = f", {counts['claimed']} of them in work" if counts["claimed"] else ""
        are = "is" if counts["open"] == 1 else "are"
        return [f"{counted(counts['open'], 'open task')} {are} cancelled{work}."]

    def do(self, values: dict[str, Any]) -> str:
        self.move(values)
        return f"{self.ticket.key} is cancelled"


def count_tasks(ticket: Ticket, *states: str) -> list[int]:
    """How many tasks of the ticket's phase are pending, claimed or ready, in the order of `states`."""
    conditions = {"pending": Q(state="pending"), "claimed": Q(state="claimed"), "ready": READY_Q}
    counts = ticket.tasks.filter(phase=ticket.phase).aggregate(
        **{state: Count("pk", filter=conditions[state]) for state in states}
    )
    return [counts[state] for state in states]


def effect_of_leaving(ticket: Ticket) -> str:
    pending, claimed = count_tasks(ticket, "pending", "claimed")
    if not pending + claimed:
        return "No task of this phase is open."
    revoked = f"{counted(claimed, 'claim')} {'is' if claimed == 1 else 'are'} revoked, " if claimed else ""
    are = "is" if pending + claimed == 1 else "are"
    held = f"{counted(pending + claimed, 'open task')} of this phase {are} held until the ticket returns."
    return revoked + held


def effect_of_stopping(ticket: Ticket) -> str:
    ready, claimed = count_tasks(ticket, "ready", "claimed")
    tasks = f"{counted(ready, 'ready task')} cannot be claimed meanwhile" if ready else ""
    claims = f"{counted(claimed, 'running claim')} may go on" if claimed else ""
    return f"{'; '.join(filter(None, (tasks, claims))) or 'No task can be claimed meanwhile'}."
