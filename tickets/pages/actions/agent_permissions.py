"""What a person may do with agents, read once for all of a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from agents.models import Agent, Project, rights
from tickets.pages.actions.action import WRITE, Permissions

ADMIN = "admin"


class FleetPermissions:
    """What `by` may do with these agents. Of rows of a list, which know their projects, everything is read in
    one statement; of others each scope is asked for once.
    """

    def __init__(self, agents: Iterable[Agent], by: Any) -> None:
        self.by = by
        agents = list(agents)
        self._projects: dict[int, list[int]] = {
            agent.pk: agent.project_ids for agent in agents if hasattr(agent, "project_ids")
        }
        others = [agent.pk for agent in agents if agent.pk not in self._projects]
        self._others = Agent.objects.filter(pk__in=others) if others else Agent.objects.none()
        self._having: dict[str, set[int]] = {}

    @cached_property
    def of_installation(self) -> frozenset[str]:
        return rights.scopes(self.by)

    def having(self, scope: str) -> set[int]:
        """Those of which `by` has this scope in each of their projects."""
        if scope not in self._having:
            others = self._others.allowing(self.by, scope).values_list("pk", flat=True)
            self._having[scope] = {*others, *self._known(scope)}
        return self._having[scope]

    def _known(self, scope: str) -> Iterator[int]:
        if scope in self.of_installation:
            yield from self._projects
            return
        for pk, projects in self._projects.items():
            if projects and all(scope in self._scopes.get(project, ()) for project in projects):
                yield pk

    @cached_property
    def _scopes(self) -> dict[int, frozenset[str]]:
        """What `by` may do in each of their projects."""
        return Project.objects.scopes_of(self.by)

    @cached_property
    def writable(self) -> set[int] | None:
        """The projects in which `by` may change tasks; None: in all."""
        if WRITE in self.of_installation:
            return None
        return {pk for pk, scopes in self._scopes.items() if WRITE in scopes}


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
