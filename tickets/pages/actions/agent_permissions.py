"""What a person may do with agents, read once for all of a page."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from agents.models import Agent, Project, rights
from tickets.pages.actions.action import WRITE, Permissions

ADMIN = "admin"


class FleetPermissions:
    """What `by` may do with these agents. Each scope is asked for once, in one statement for all of them."""

    def __init__(self, agents: Iterable[Agent], by: Any) -> None:
        self.by = by
        self._agents = Agent.objects.filter(pk__in=[agent.pk for agent in agents])
        self._having: dict[str, set[int]] = {}

    @cached_property
    def of_installation(self) -> frozenset[str]:
        return rights.scopes(self.by)

    def having(self, scope: str) -> set[int]:
        """Those of which `by` has this scope in each of their projects."""
        if scope not in self._having:
            allowing = self._agents.allowing(self.by, scope)
            self._having[scope] = set(allowing.values_list("pk", flat=True))
        return self._having[scope]

    @cached_property
    def writable(self) -> set[int] | None:
        """The projects in which `by` may change tasks; None: in all."""
        if WRITE in self.of_installation:
            return None
        return set(Project.objects.allowing(self.by, WRITE).values_list("pk", flat=True))


class AgentPermissions(Permissions):
    """What `by` may do with one of them."""

    def __init__(self, agent: Agent, fleet: FleetPermissions) -> None:
        super().__init__(agent, fleet.by)
        self.agent, self.fleet = agent, fleet

    def has(self, scope: str) -> bool:
        """Whether `by` has this scope everywhere."""
        return scope in self.fleet.of_installation or self.agent.pk in self.fleet.having(scope)

    @property
    def role(self) -> str:
        """Who may change the agent."""
        placed = getattr(self.agent, "placed", None)  # of the row of a list, which has read it
        if self.agent.projects.exists() if placed is None else placed:
            return "You need the role of an administrator in each of its projects"
        return "Only an operator of this installation can do this"
