"""Which guarded lanes agents needed last: a hint that spares a claim its first look.

An agent whose work is in guarded lanes would pay for two statements with each claim: one that only learns
which projects to lock, and one that grants. This remembers the projects, so the next claim that asks the same
begins with the second. That takes nothing while other guarded lanes may have work, which may come first: it
names them, and the claim locks them too. So what is remembered may be old, or gone with its process.
"""

from __future__ import annotations

from typing import Any

MOST = 10_000  # agents, of one process

_projects: dict[tuple[Any, ...], list[int]] = {}


def last_guards(params: dict[str, Any]) -> list[int]:
    """The projects whose guarded lanes had work at the last claim with these parameters, if it was granted
    some of it, or nothing at all.
    """
    return _projects.get(_asked(params), [])


def remember(params: dict[str, Any], guards: list[int] | None) -> None:
    if not guards:
        _projects.pop(_asked(params), None)
        return
    if len(_projects) >= MOST:
        _projects.clear()
    _projects[_asked(params)] = guards


def _asked(params: dict[str, Any]) -> tuple[Any, ...]:
    """The agent, and what narrows its choice of lanes."""
    capabilities, phases = params["capabilities"], params["phases"]
    return (
        params["agent"],
        params["project"],
        None if capabilities is None else tuple(capabilities),
        None if phases is None else tuple(phases),
    )
