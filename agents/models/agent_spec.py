"""AgentSpec: what a new agent is made from."""

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
    pools: Iterable[str] = ()
