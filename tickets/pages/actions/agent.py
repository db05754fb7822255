"""The actions on an agent: whether it takes work, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.urls import reverse

from agents.models import Agent, Event, Retired
from agents.models.agent import REGISTER
from omoi_site.database import sql
from omoi_site.errors import Invalid
from omoi_site.humanize import counted
from tickets.models import NotReady, Task
from tickets.models.explain.nobody_else import nobody_else, stand_down
from tickets.pages.actions.action import Action
from tickets.pages.actions.agent_permissions import AgentPermissions, FleetPermissions
from tickets.pages.forms import ActionForm, ReasonForm

# Events of an agent that do not change it.
UNCHANGING = ["agent.refused", "agent.assigned", "agent.shared"]
LONGEST_CLAIMS = 40_000  # characters: as many claims as an agent can hold


class AgentAction(Action):
    """A verb of agents, with the version that was shown."""

    subject: Agent
    least: ClassVar[int] = 0  # characters of its reason
    verb: ClassVar[str]
    states: ClassVar[Sequence[str]]  # in which it is offered
    done: ClassVar[str]

    @property
    def agent(self) -> Any:
        return self.subject

    @property
    def address(self) -> str:
        return reverse("agents:action", args=[self.agent.name, self.name])

    @property
    def available(self) -> bool:
        return self.agent.state in self.states

    @property
    def scope(self) -> str:
        return REGISTER

    @cached_property
    def permissions(self) -> AgentPermissions:
        if isinstance(self._permissions, AgentPermissions):
            return self._permissions
        return AgentPermissions(self.agent, FleetPermissions([self.agent], self.by))

    @property
    def permitted(self) -> bool:
        return self.permissions.has(self.scope)

    @property
    def denied(self) -> str:
        return "" if self.permitted else self.permissions.role

    @property
    def least_reason(self) -> int:
        return self.least

    @property
    def last_change(self) -> Event | None:
        own = Event.objects.filter(topic=self.agent.topic, subject=self.agent.topic)
        return own.exclude(kind__in=UNCHANGING).order_by("-xid", "-id").first()

    @property
    def held(self) -> int:
        """How many tasks it holds."""
        held = getattr(self.agent, "held", None)
        return Task.objects.filter(holder=self.agent).count() if held is None else int(held)

    @property
    def goes_back(self) -> str:
        """What becomes of what it holds, if it is taken from it."""
        if not self.held:
            return "It holds no task."
        return goes_back(self.held)

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        if not self.available:
            raise Retired(
                f"{self.agent.name} is {self.agent.state}; {self.label.lower()} is not possible there"
            )

    def do(self, values: dict[str, Any]) -> str:
        how = {"version": values["version"], "reason": values.get("reason", "")}
        Agent.objects.act(self.agent.pk, self.verb, by=self.by, **how)
        return f"{self.agent.name} {self.done}"


class StandDown(AgentAction):
    """Takes the agent out of work; it says what nobody else could do then."""

    @property
    def warning(self) -> str:
        return nobody_else(self.agent, self.verb).sentence

    def do(self, values: dict[str, Any]) -> str:
        how = {"version": values["version"], "reason": values["reason"]}
        _, left = stand_down(self.agent.pk, self.verb, by=self.by, **how)
        done = f"{self.agent.name} {self.done}"
        return f"{done}. {left.sentence}" if left.sentence else done


class Resume(AgentAction):
    name, label, icon = "resume", "Resume", "play"
    verb, event = "make_available", "agent.made_available"
    states = ("maintenance", "draining", "quarantined")
    reason_label = ""
    direct = True
    done = "takes work again"

    @property
    def effects(self) -> Sequence[str]:
        return ["It may claim work again."]


class Drain(StandDown):
    name, label, icon = "drain", "Drain", "circle-pause"
    verb, event = "drain", "agent.drained"
    states = ("available", "maintenance")
    done = "is draining"

    @property
    def effects(self) -> Sequence[str]:
        return [f"{keeps(self.held)} Then it is told to end.", "It is granted nothing new."]


class SetToMaintenance(StandDown):
    name, label, icon = "maintenance", "Set to maintenance", "clock"
    verb, event = "make_unavailable", "agent.made_unavailable"
    states = ("available", "draining")
    done = "is in maintenance"

    @property
    def effects(self) -> Sequence[str]:
        return [keeps(self.held), "It is granted nothing new until somebody resumes it."]


class Quarantine(StandDown):
    name, label, icon = "quarantine", "Quarantine", "ban"
    verb, event = "quarantine", "agent.quarantined"
    states = ("available", "maintenance", "draining")
    needs_reason, least = True, 3
    done = "is quarantined"

    @property
    def effects(self) -> Sequence[str]:
        return [self.goes_back, "It can change nothing until somebody resumes it."]


class Retire(StandDown):
    name, label, icon = "retire", "Retire", "x"
    verb, event = "retire", "agent.retired"
    states = ("available", "maintenance", "draining", "quarantined")
    needs_reason, least = True, 3
    dangerous = True
    done = "is retired"

    @property
    def effects(self) -> Sequence[str]:
        keys = self.agent.keys.filter(revoked_at=None).count()
        end = "key ends" if keys == 1 else "keys end"
        return [self.goes_back, f"Its {f'{keys} ' if keys > 1 else ''}{end}. This cannot be undone."]


class RequeueForm(ReasonForm):
    """claims: those that were shown, as task:fence."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        hidden = forms.CharField(required=False, max_length=LONGEST_CLAIMS, widget=forms.HiddenInput)
        self.fields["claims"] = hidden


class Requeue(AgentAction):
    """Takes back what it holds: the claims that were shown, and no others that it got meanwhile."""

    name, icon = "requeue", "rotate-ccw"
    event = "task.revoked"
    needs_reason, least = True, 1

    @property
    def label(self) -> str:  # type: ignore[override]
        return f"Requeue {counted(self.number, 'task')}"

    @cached_property
    def claims(self) -> dict[int, int]:
        """The fences of the claims that it holds in projects where this person may take them, by task."""
        held = Task.objects.filter(holder=self.agent)
        if (writable := self.permissions.fleet.writable) is not None:
            held = held.filter(project__in=writable)
        return dict(held.order_by("id").values_list("id", "fence"))

    @property
    def number(self) -> int:
        held = getattr(self.agent, "held_projects", None)  # of the row of a list, which has read them
        if held is None:
            return len(self.claims)
        writable = self.permissions.fleet.writable
        return len(held) if writable is None else sum(project in writable for project in held)

    @property
    def available(self) -> bool:
        return self.held > 0

    @property
    def permitted(self) -> bool:
        return self.number > 0

    @property
    def denied(self) -> str:
        return "" if self.permitted else "You need the role of an operator in the projects of these tasks"

    @property
    def effects(self) -> Sequence[str]:
        number, more = len(self.claims), self.held - len(self.claims)
        lines = [goes_back(number)]
        if more > 0:
            lines.append(f"It keeps {counted(more, 'task')} of other projects.")
        if self.agent.state == Agent.State.AVAILABLE:
            lines.append("It can claim them again when it asks for work. Drain it if it should not.")
        return lines

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        shown = " ".join(f"{task}:{fence}" for task, fence in self.claims.items())
        how["initial"] = {**(how.get("initial") or {}), "claims": shown}
        return RequeueForm(data, label=self.reason_label, least=self.least_reason, **how)

    def own_change(self, typed: Mapping[str, str]) -> Event | None:
        """The last change of the tasks that were asked for, whoever made it."""
        tasks = Task.objects.filter(pk__in=list(claims_in(typed.get("claims", ""))))
        keys = dict(tasks.values_list("pk", "ticket_key"))
        events = Event.objects.filter(
            topic__in={f"ticket:{key}" for key in keys.values()}, subject__in=[f"task:{pk}" for pk in keys]
        )
        return events.order_by("-xid", "-id").first()

    def expect_as_offered(self, values: dict[str, Any]) -> None:
        """The claims say it."""

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        shown = claims_in(values["claims"])
        held = Task.objects.filter(holder=self.agent, pk__in=list(shown))
        taken = held.requeue(by=self.by, reason=values["reason"], fences=shown)
        if not taken:
            raise NotReady(f"{self.agent.name} holds none of these tasks any more, so nothing was done")
        ended = len(shown) - len(taken)
        done = f"{counted(len(taken), 'task')} of {self.agent.name} back in the queue"
        return f"{done}; {counted(ended, 'other')} had ended before" if ended > 0 else done


KINDS: Sequence[type[AgentAction]] = (Requeue, Resume, Drain, SetToMaintenance, Quarantine, Retire)


def claims_in(text: str) -> dict[int, int]:
    """The fences by task, as the form has them. Raises Invalid."""
    try:
        pairs = [pair.split(":") for pair in text.split()]
        claims = {int(task): int(fence) for task, fence in pairs}
    except ValueError:
        raise Invalid("these are no claims", field="claims") from None
    if not all(0 < number < 2**63 for pair in claims.items() for number in pair):
        raise Invalid("these are no claims", field="claims")
    return claims


def goes_back(number: int) -> str:
    return (
        f"{counted(number, 'task')} {'goes' if number == 1 else 'go'} back to the queue. It costs no attempt."
    )


def keeps(held: int) -> str:
    return f"It finishes the {counted(held, 'task')} that it holds." if held else "It holds no task."
