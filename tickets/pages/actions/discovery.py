"""Actions on one discovery: what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from agents.models import Event
from omoi_site import humanize
from tickets.models import Discovery
from tickets.pages.actions.action import Action
from tickets.templatetags.addresses import discovery_action_address


class Decision(Action):
    subject: Discovery
    event = "discovery.decided"
    decision: ClassVar[str]

    @property
    def discovery(self) -> Discovery:
        return self.subject

    @property
    def address(self) -> str:
        return discovery_action_address(self.discovery.ticket.key, self.discovery.pk, self.name)

    @property
    def available(self) -> bool:
        return self.discovery.state == Discovery.State.OPEN

    @property
    def last_change(self) -> Event | None:
        events = Event.objects.filter(topic=self.discovery.ticket.topic, kind=self.event)
        return events.filter(data__discovery=str(self.discovery.pk)).order_by("-xid", "-id").first()

    def is_made(self, typed: Mapping[str, str]) -> bool:
        return self.discovery.state == self.decision

    def do(self, values: dict[str, Any]) -> str:
        decided = Discovery.objects.decide(
            self.discovery.pk, self.decision, by=self.by, reason=values["reason"]
        )
        return f"{humanize.phase(decided.key)}: {decided.outcome_sentence}"


class MakeTask(Decision):
    name = "make-task"
    label = "Make it a task"
    icon = "list-checks"
    decision = Discovery.State.TASK

    @property
    def available(self) -> bool:
        return super().available and not self.discovery.ticket.closed

    @property
    def effects(self) -> Sequence[str]:
        return [f"A task is added to {self.discovery.ticket.key}: {self.discovery.title}"]


class OpenTicket(Decision):
    name = "open-ticket"
    label = "Open a ticket"
    icon = "corner-down-right"
    decision = Discovery.State.TICKET

    @property
    def effects(self) -> Sequence[str]:
        return [f"A ticket is opened, linked to {self.discovery.ticket.key}: {self.discovery.title}"]


class Dismiss(Decision):
    name = "dismiss"
    label = "Dismiss"
    icon = "x"
    needs_reason = True
    decision = Discovery.State.DISMISSED

    @property
    def effects(self) -> Sequence[str]:
        return [f"Nothing is made of it: {self.discovery.title}", "It stays on the page, with your reason."]
