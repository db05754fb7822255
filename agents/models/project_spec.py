"""ProjectSpec: what a new project is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ProjectSpec:
    """A project to create.

    workflow: the name of the workflow for new tickets. workflows: others that they may follow. profiles:
    those that its tasks may name. max_agents, max_tickets: how many may be at work at the same time.
    """

    key: str
    name: str = ""
    repository: str = ""
    workflow: str = ""
    workflows: Iterable[str] = ()
    profiles: Iterable[str] = ()
    stall_after_s: int = 1800
    stall_grace_s: int = 600
    max_agents: int | None = None
    max_tickets: int | None = None
