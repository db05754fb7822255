"""The base of actions: what a person can do to a ticket or task, its effects, and doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django.db.models import QuerySet

from agents.models import Actor, Agent, Event, rights
from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.models import Task, Ticket
from tickets.models.gate.approval import standing
from tickets.models.ticket.fields import TransitionNotAllowed
from tickets.models.ticket.transition_options import Option, options
from tickets.models.ticket.transitions import WRITE
from tickets.pages.forms import ActionForm, ReasonForm
from tickets.templatetags.addresses import action_address, task_action_address

# Kinds of events that do not change a ticket.
UNCHANGING = [
    "ticket.move_refused",
    "ticket.move_failed",
    "ticket.followed_up",
    "gate.judged",
    "artifact.handed_in",
    "template.launched",
]


class Outdated(OmoiError):
    """The action was offered for an earlier state."""

    code = "outdated"
    title = "This has changed since you opened the page"


class Undo(NamedTuple):
    """The action that takes another back, and its values."""

    action: str
    values: dict[str, str]


class Permissions:
    """What `by` may do to a ticket, task or agent, read once for all actions of a page."""

    def __init__(self, subject: Ticket | Task | Agent, by: Actor) -> None:
        self.subject = subject
        self.by = by

    @cached_property
    def scopes(self) -> frozenset[str]:
        assert not isinstance(self.subject, Agent)
        return rights.scopes(self.by, self.subject.project)

    @cached_property
    def options(self) -> list[Option]:
        """The possible moves of the ticket, without judging its gate."""
        assert isinstance(self.subject, Ticket)
        return options(self.subject, self.by, judge=False, scopes=self.scopes)

    @cached_property
    def standing(self) -> dict[str, Any] | None:
        """What `by` may decide about what the ticket shows; see `approval.standing`."""
        assert isinstance(self.subject, Ticket)
        return standing(self.subject, self.by)


class Action:
    """What `by` can do to one ticket or task.

    name: used in its address. label: the text of its button. event: the kind of event that it writes.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    event: ClassVar[str]
    reason_label: ClassVar[str] = "Why"  # empty: it has no reason
    needs_reason: ClassVar[bool] = False
    direct: ClassVar[bool] = False  # the button does it at once, without a dialog
    dangerous: ClassVar[bool] = False
    fields: ClassVar[str] = ""  # the template of its fields, if they are not just drawn one after the other

    def __init__(self, subject: Any, by: Any, permissions: Permissions | None = None) -> None:
        """permissions: those of `by`, if they have already been read."""
        self.subject = subject
        self.by = by
        self._permissions = permissions

    @property
    def address(self) -> str:
        raise NotImplementedError

    @property
    def available(self) -> bool:
        """Whether the ticket's or task's state allows it, apart from rights."""
        raise NotImplementedError

    @property
    def denied(self) -> str:
        """Which role the person lacks; empty if nothing is lacking. It is only shown on the button; the verb
        decides.
        """
        if self.permitted:
            return ""
        role = "an operator" if self.scope in (WRITE, "work") else "an administrator"
        return f"You need the role of {role} in this project"

    @property
    def state(self) -> str:
        """What must not have changed, beside the ticket's version."""
        return ""

    @property
    def offered(self) -> dict[str, str]:
        """What its fields have before anything is typed."""
        return {}

    @property
    def effects(self) -> Sequence[str]:
        """Its effects, in sentences with numbers."""
        return ()

    @property
    def warning(self) -> str:
        """What it would do that nobody may want, in a sentence; empty if nothing. It is done all the same."""
        return ""

    @property
    def undo(self) -> Undo | None:
        """What takes it back, asked before it is done; None if nothing does."""
        return None

    @property
    def last_change(self) -> Event | None:
        """The last change of its subject, for a person who was too late."""
        raise NotImplementedError

    def own_change(self, typed: Mapping[str, str]) -> Event | None:
        """What this person did of what they now ask for, if that can be told from all that came after it."""
        return None

    def is_made(self, typed: Mapping[str, str]) -> bool:
        """Whether the person's last change of this kind was what they now ask for, and not another one."""
        return True

    @property
    def scope(self) -> str:
        return WRITE

    @property
    def least_reason(self) -> int:
        """The minimum length of its reason; 0: the reason is optional."""
        return int(self.needs_reason)

    @property
    def permitted(self) -> bool:
        return self.scope in self.permissions.scopes

    @cached_property
    def permissions(self) -> Permissions:
        return self._permissions or Permissions(self.subject, self.by)

    def previews(self, typed: Mapping[str, str]) -> bool:
        """Whether what was sent asks only to see what it would do."""
        return False

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        if not self.reason_label:
            return ActionForm(data, **how)
        return ReasonForm(data, label=self.reason_label, least=self.least_reason, **how)

    def perform(self, data: Mapping[str, str]) -> str:
        """Do it with the data of a form, if it is still what was offered. Returns a sentence."""
        form = self.form(data)
        with self.recorded(form):
            values = form.check()
            self.expect_as_offered(values)
        return self.do(values)

    def do(self, values: dict[str, Any]) -> str:
        """Call the verb. Returns a sentence that says what was done."""
        raise NotImplementedError

    def recorded(self, form: ActionForm) -> AbstractContextManager[None]:
        """A context that records refused moves."""
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
        return action_address(self.ticket.key, self.name)

    @property
    def last_change(self) -> Event | None:
        if not self.event.startswith("ticket."):  # it does not change the ticket itself
            events = Event.objects.filter(topic=self.ticket.topic, kind=self.event)
            return events.order_by("-xid", "-id").first()
        return ticket_changes(self.ticket).first()

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        super().expect_as_offered(values)
        self.ticket.expect(values["version"])
        if not self.available:
            stands = "paused" if self.ticket.paused else f"in {humanize.phase(self.ticket.phase)}"
            raise TransitionNotAllowed(
                f"{self.ticket.key} is {stands}; {self.label.lower()} is not possible there"
            )


class TaskAction(Action):
    subject: Task
    needs_reason = True

    @property
    def task(self) -> Task:
        return self.subject

    @property
    def address(self) -> str:
        return task_action_address(self.task.ticket_key, self.task.pk, self.name)

    @property
    def state(self) -> str:
        return str(self.task.events)

    @property
    def last_change(self) -> Event | None:
        events = Event.objects.filter(topic=f"ticket:{self.task.ticket_key}", subject=f"task:{self.task.pk}")
        return events.exclude(kind__in=UNCHANGING).order_by("-xid", "-id").first()


def ticket_changes(ticket: Ticket) -> QuerySet[Event]:
    """The changes of the ticket itself, the latest first."""
    events = Event.objects.filter(topic=ticket.topic, subject=ticket.topic).exclude(kind__in=UNCHANGING)
    return events.order_by("-xid", "-id")


def expect_state(state: str, values: dict[str, Any]) -> None:
    if values["state"] and values["state"] != state:
        raise Outdated("this has changed since you opened the page, so nothing was done")


def expect_unmoved(ticket: Ticket, moves: str) -> None:
    """Refuse an action whose button was shown before the ticket moved, because it offered something else.

    moves: the ticket's number of moves then; empty: not checked.
    """
    if moves and moves != str(ticket.moves):
        raise Outdated(f"{ticket.key} has moved since you opened the page, so nothing was done")
