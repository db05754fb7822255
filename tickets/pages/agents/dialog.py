"""The dialog of an action on an agent or on one of its keys."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.urls import reverse

from agents.models import Agent, Key, Pool
from tickets.pages.dialog import Dialog


class AgentDialog(Dialog):
    back_label = "Back to the agent"

    @cached_property
    def agent(self) -> Any:
        return self.subject.agent if isinstance(self.subject, Key) else self.subject

    @property
    def back(self) -> str:
        return reverse("agents:detail", args=[self.agent.name])

    @property
    def title(self) -> str:
        if isinstance(self.subject, Agent) and " " in self.action.label:
            return f"{self.action.label} of {self.name}"
        return super().title

    @property
    def name(self) -> str:
        return str(self.subject.prefix if isinstance(self.subject, Key) else self.agent.name)

    @property
    def state(self) -> str:
        if isinstance(self.subject, Key):
            return "revoked" if self.subject.revoked_at else "live"
        return super().state

    @property
    def version(self) -> int:
        return int(self.agent.version)


class PoolDialog(Dialog):
    back_label = "Back to the pools"
    subject: Pool

    @property
    def back(self) -> str:
        return f"{reverse('agents:list')}#pool-{self.subject.name}"

    @property
    def name(self) -> str:
        return str(self.subject.name)

    @property
    def state(self) -> str:
        return "closed" if self.subject.closed_at else "open"
