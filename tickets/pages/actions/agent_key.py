"""The action on a key of an agent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.urls import reverse

from agents.models import Event, Key
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets.models import NotReady
from tickets.pages.actions.action import Action
from tickets.pages.actions.agent_permissions import ADMIN, AgentPermissions, FleetPermissions


class RevokeKey(Action):
    """Ends a key of an agent, and all that were made with it."""

    subject: Key
    name, label, icon = "revoke", "Revoke key", "key-round"
    event = "key.revoked"
    reason_label = ""
    dangerous = True

    @property
    def address(self) -> str:
        return reverse("agents:key", args=[self.subject.agent, self.subject.prefix])

    @property
    def available(self) -> bool:
        return self.subject.revoked_at is None

    @property
    def permitted(self) -> bool:
        return self.of_agent.has(ADMIN)

    @property
    def denied(self) -> str:
        return "" if self.permitted else self.of_agent.role

    @cached_property
    def of_agent(self) -> AgentPermissions:
        agent = self.subject.agent
        assert agent
        return AgentPermissions(agent, FleetPermissions([agent], self.by))

    @property
    def effects(self) -> Sequence[str]:
        made = self.subject.made.filter(revoked_at=None).count()
        more = f", and so are those with {counted(made, 'key')} that it made" if made else ""
        return [f"Requests with it are refused from now on{more}. This cannot be undone."]

    @property
    def last_change(self) -> Event | None:
        events = Event.objects.filter(
            topic=f"agent:{self.subject.agent}", subject=f"key:{self.subject.prefix}"
        )
        return events.order_by("-xid", "-id").first()

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        if not Key.objects.filter(pk=self.subject.pk).revoke(by=self.by):
            raise NotReady(f"the key {self.subject.prefix} has ended already")
        return f"The key {self.subject.prefix} of {self.subject.agent} is revoked"
