"""The fields of a new agent or project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class AgentSpec:
    """An agent to register. Empty `phases`: it works in all."""

    name: str
    kind: str = "worker"
    capabilities: Iterable[str] = ()
    phases: Iterable[str] = ()
    tags: Iterable[str] = ()
    capacity: int = 1


@dataclass(frozen=True)
class ProjectSpec:
    """A project to create.

    workflow: the name of the workflow for new tickets. workflows: others that they may follow. profiles:
    those that its tasks may name.
    """

    key: str
    name: str = ""
    repository: str = ""
    workflow: str = ""
    workflows: Iterable[str] = ()
    profiles: Iterable[str] = ()
