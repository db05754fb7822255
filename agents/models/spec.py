"""What is said of an agent and of a project before there is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class AgentSpec:
    """An agent to register. `phases` empty: it works in all."""

    name: str
    kind: str = "worker"
    capabilities: Iterable[str] = ()
    phases: Iterable[str] = ()
    tags: Iterable[str] = ()
    capacity: int = 1


@dataclass(frozen=True)
class ProjectSpec:
    """A project to create.

    workflow: the name new tickets follow; workflows: what they may follow besides; profiles: what its tasks
    may run.
    """

    key: str
    name: str = ""
    repository: str = ""
    workflow: str = ""
    workflows: Iterable[str] = ()
    profiles: Iterable[str] = ()
