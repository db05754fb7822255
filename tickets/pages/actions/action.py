"""An action of a page: what a person can do to a ticket or a task, what it would do, and the doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, ClassVar

from django.urls import reverse

from agents.models import Actor, Event, rights
from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.models import Task, Ticket
from tickets.models.ticket.fields import TransitionNotAllowed
from tickets.models.ticket.transition_options import Option, options
from tickets.pages.forms import ActionForm, ReasonForm

WRITE = "tickets:write"
# Kinds of events that tell of a ticket, and change nothing of it.
UNCHANGING = ["ticket.move_refused", "ticket.move_failed", "gate.judged", "artifact.handed_in"]


class Outdated(OmoiError):
    """The action was offered for a state that is over."""

    code = "outdated"
    title = "This has changed since the page was drawn"


class Permissions:
    """What `by` may do to a ticket or a task, read once for all actions of a page."""

    def __init__(self, subject: Ticket | Task, by: Actor) -> None:
        self.subject = subject
        self.by = by

    @cached_property
    def scopes(self) -> frozenset[str]:
        return rights.scopes(self.by, self.subject.project)

    @cached_property
    def options(self) -> list[Option]:
        """Where a ticket could go, whatever its gate says."""
        assert isinstance(self.subject, Ticket)
        return options(self.subject, self.by, judge=False, scopes=self.scopes)


class Action:
    """What `by` can do to one ticket or task.

    name: in its address. label: on its button. event: the kind of the event that it leaves.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    event: ClassVar[str]
    reason_label: ClassVar[str] = "Why"  # empty: no reason is asked for
    needs_reason: ClassVar[bool] = False
    direct: ClassVar[bool] = False  # the button does it at once, nothing is asked
    dangerous: ClassVar[bool] = False

    def __init__(self, subject: Any, by: Any, permissions: Permissions | None = None) -> None:
        """permissions: those of `by`, where they have been read already."""
        self.subject = subject
        self.by = by
        self._permissions = permissions

    @property
    def address(self) -> str:
        raise NotImplementedError

    @property
    def available(self) -> bool:
        """Whether it can be done to this ticket or task as it is, whoever does it."""
        raise NotImplementedError

    @property
    def denied(self) -> str:
        """Which role this person would have to have; empty where they have it. It is for the button alone."""
        if self.permitted:
            return ""
        role = "an operator" if self.scope == WRITE else "an administrator"
        return f"To do this takes the role of {role} of the project, which you do not have here"

    @property
    def state(self) -> str:
        """What it is bound to beside the ticket's version."""
        return ""

    @property
    def effects(self) -> Sequence[str]:
        """What it would do, in sentences with numbers."""
        return ()

    @property
    def last_change(self) -> Event | None:
        """Who changed the ticket or task last, and how, for whoever was too late."""
        raise NotImplementedError

    @property
    def scope(self) -> str:
        return WRITE

    @property
    def least_reason(self) -> int:
        """Characters its reason must have; 0: it may be left out."""
        return int(self.needs_reason)

    @property
    def permitted(self) -> bool:
        return self.scope in self.permissions.scopes

    @cached_property
    def permissions(self) -> Permissions:
        return self._permissions or Permissions(self.subject, self.by)

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        if not self.reason_label:
            return ActionForm(data, **how)
        return ReasonForm(data, label=self.reason_label, least=self.least_reason, **how)

    def perform(self, data: Mapping[str, str]) -> str:
        """Do it with what a form brought, if it is still what was offered; the answer is a sentence."""
        form = self.form(data)
        with self.recorded(form):
            values = form.check()
            self.expect_as_offered(values)
        return self.do(values)

    def do(self, values: dict[str, Any]) -> str:
        """Call the verb; the answer says in a sentence what was done."""
        raise NotImplementedError

    def recorded(self, form: ActionForm) -> AbstractContextManager[None]:
        """A refusal inside leaves a trace where it is one of a move."""
        return nullcontext()

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        expect_state(self.state, values)


class TicketAction(Action):
    subject: Ticket
    event = "ticket.moved"

    @property
    def ticket(self) -> Ticket:
        return self.subject

    @property
    def address(self) -> str:
        return reverse("action", args=[self.ticket.key, self.name])

    @property
    def last_change(self) -> Event | None:
        events = Event.objects.filter(topic=self.ticket.topic).order_by("-xid", "-id")
        if not self.event.startswith("ticket."):  # it changes the ticket in nothing: who did it last
            return events.filter(kind=self.event).first()
        return events.filter(subject=self.ticket.topic).exclude(kind__in=UNCHANGING).first()

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        super().expect_as_offered(values)
        self.ticket.expect(values["version"])
        if not self.available:
            stands = "paused" if self.ticket.paused else f"in {humanize.phase(self.ticket.phase)}"
            raise TransitionNotAllowed(
                f"{self.ticket.key} is {stands}: to {self.label.lower()} is not possible there"
            )


class TaskAction(Action):
    subject: Task
    needs_reason = True

    @property
    def task(self) -> Task:
        return self.subject

    @property
    def address(self) -> str:
        return reverse("task_action", args=[self.task.ticket_key, self.task.pk, self.name])

    @property
    def state(self) -> str:
        return str(self.task.events)

    @property
    def last_change(self) -> Event | None:
        events = Event.objects.filter(topic=f"ticket:{self.task.ticket_key}", subject=f"task:{self.task.pk}")
        return events.exclude(kind__in=UNCHANGING).order_by("-xid", "-id").first()


def expect_state(state: str, values: dict[str, Any]) -> None:
    if values["state"] and values["state"] != state:
        raise Outdated("this has changed since the button was drawn: nothing was done")


def expect_unmoved(ticket: Ticket, moves: str) -> None:
    """Refuse to ask for an action whose button was drawn before the ticket moved: it said something else.

    moves: how often the ticket had moved then; empty: whatever.
    """
    if moves and moves != str(ticket.moves):
        raise Outdated(f"{ticket.key} has moved since this button was drawn: nothing was done")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
