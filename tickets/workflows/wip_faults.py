"""Faults of `wip`: a limit under which tickets could never move again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tickets.workflows.fault_texts import did_you_mean


def faults(
    phase: dict[str, Any], called: str, earlier: Sequence[Any], known: Sequence[Any]
) -> Iterator[tuple[Any, ...]]:
    """Message, and the rest of the path from `wip` to the exact place."""
    wip = phase.get("wip")
    if not isinstance(wip, dict):
        return
    if phase.get("to") == []:
        yield (f"{called} is a last phase, where tickets stay: with wip it would be full for ever",)
    if "oldest_s" in wip and not wip.get("holds"):
        yield f"wip of {called} has oldest_s, but no phases in holds", "oldest_s"
    for index, held in enumerate(wip.get("holds", ())):
        if held is None or held in earlier:
            continue
        if held not in known:
            hint = did_you_mean(held, earlier)
            yield f"wip of {called} holds {held}, which is not a phase{hint}", "holds", index
        elif held == phase.get("name"):
            yield f"wip of {called} holds the phase itself, which then could not get free", "holds", index
        else:
            yield (
                f"wip of {called} holds {held}, which is not an earlier phase: only work that comes before it"
                " can wait for it",
                "holds",
                index,
            )


def circle(phase: dict[str, Any], called: str, phases: Mapping[str, dict[str, Any]]) -> str:
    """Why tickets could wait for each other for ever if this phase sends one back; empty if they cannot.
    phases: all of them by name, in their order.
    """
    back = phase.get("on_failure", {}).get("send_back")
    target, names = phases.get(back, {}), list(phases)
    if not target.get("wip") or names.index(back) >= names.index(phase["name"]):
        return ""
    way = _way(target, phase, phases)
    # in these a ticket moves on only if there is room in the next of them, or if this phase gets free
    stuck = [each for index, each in enumerate(way) if all(later.get("wip") for later in way[index:])]
    for holder in stuck:
        if back in holder["wip"].get("holds", ()):
            return (
                f"{called} sends tickets back into {back}, which has wip and whose work waits while"
                f" {holder['name']} is full: they could wait for each other for ever"
            )
    if stuck == way and all(each.get("automatic") for each in (target, *way[:-1])):
        return (
            f"{called} sends tickets back into {back}, but each phase from there to here has wip: they could"
            " wait for each other for ever"
        )
    return ""


def _way(
    first: dict[str, Any], last: dict[str, Any], phases: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The phases through which a ticket moves on from `first` to `last`, without `first`; `last` alone if it
    does not come there.
    """
    places = {name: place for place, name in enumerate(phases)}
    way, here = [], first
    while here is not last:
        onward = [to for to in here.get("to", ()) if places.get(to, -1) > places[here["name"]]]
        if not onward:
            return [last]
        here = phases[onward[0]]
        way.append(here)
    return way
