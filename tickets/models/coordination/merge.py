"""Merge: one result from those of several tasks, by a strategy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omoi_site.errors import short

ENCODER = json.JSONEncoder(sort_keys=True)


class Unmergeable(ValueError):
    """The results cannot be merged; the message is a sentence that says why."""


@dataclass(frozen=True)
class Source:
    """A completed task whose result is merged."""

    key: str
    ended_at: datetime
    result: Any


@dataclass(frozen=True)
class Merged:
    """left_out: the keys about which there is no majority."""

    result: Any
    left_out: Sequence[str] = ()


def merge(strategy: str, sources: Sequence[Source]) -> Merged:
    """The merged result of these tasks, in this order. Tasks without a result are skipped; without any result
    it is an empty object. Raises Unmergeable.
    """
    return STRATEGIES[strategy]([source for source in sources if source.result is not None])


def combine(sources: Sequence[Source]) -> Merged:
    """The keys of all; of two values of a key, that of the later source."""
    merged: dict[str, Any] = {}
    for result in _objects(sources):
        merged |= result
    return Merged(merged)


def union(sources: Sequence[Source]) -> Merged:
    """The keys of all; values that differ become the list of the distinct ones, and lists are united."""
    merged: dict[str, Any] = {}
    united: dict[str, dict[str, Any]] = {}  # of each key whose values differ: the distinct ones
    for result in _objects(sources):
        for key, value in result.items():
            if key not in merged:
                merged[key] = value
            elif key in united:
                _unite(united[key], value)
            elif not same(merged[key], value):
                united[key] = {}
                _unite(united[key], merged[key])
                _unite(united[key], value)
    return Merged(merged | {key: list(values.values()) for key, values in united.items()})


def intersection(sources: Sequence[Source]) -> Merged:
    """The keys that all have, with the value of the last."""
    results = _objects(sources)
    common = set(results[0]).intersection(*results[1:]) if results else set()
    return Merged({key: value for key, value in (results[-1] if results else {}).items() if key in common})


def majority(sources: Sequence[Source]) -> Merged:
    """Each key with the value that more than half of the sources have. If a result is no object, all results
    are compared as a whole.
    """
    if not sources:
        raise Unmergeable("no task has a result, so there is no majority")
    results = [source.result for source in sources]
    if not all(isinstance(result, dict) for result in results):
        votes = _votes(results)
        if not (winner := _winner(votes, len(results))):
            raise Unmergeable(f"no result is that of more than half of the {len(results)} tasks")
        return Merged(votes[winner][0])
    merged: dict[str, Any] = {}
    left_out = []
    values: dict[str, list[Any]] = {}
    for result in results:
        for key, value in result.items():
            values.setdefault(key, []).append(value)
    for key, given in values.items():
        votes = _votes(given) if 2 * len(given) > len(results) else {}
        if winner := _winner(votes, len(results)):
            merged[key] = votes[winner][0]
        else:
            left_out.append(key)
    if left_out and not merged:
        raise Unmergeable(
            f"no value is that of more than half of the {len(results)} tasks, neither of"
            f" {', '.join(short(key, 60) for key in left_out[:5])}"
            f"{' nor of others' if len(left_out) > 5 else ''}"
        )
    return Merged(merged, left_out)


def first(sources: Sequence[Source]) -> Merged:
    """The result of the task that was completed first."""
    if not sources:
        return Merged({})
    return Merged(min(sources, key=lambda source: source.ended_at).result)


Strategy = Callable[[Sequence[Source]], Merged]
STRATEGIES: dict[str, Strategy] = {
    function.__name__: function for function in (combine, union, intersection, majority, first)
}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: 1 is 1.0, but not true."""
    return _canonical(one) == _canonical(other)


def _objects(sources: Iterable[Source]) -> list[dict[str, Any]]:
    results = []
    for source in sources:
        if not isinstance(source.result, dict):
            raise Unmergeable(f"the result of {source.key} is not an object, so it cannot be merged by key")
        results.append(source.result)
    return results


def _unite(united: dict[str, Any], value: Any) -> None:
    """Add a value, or the items of a list, to the distinct ones."""
    for item in value if isinstance(value, list) else [value]:
        united.setdefault(_canonical(item), item)


def _votes(values: Iterable[Any]) -> dict[str, list[Any]]:
    votes: dict[str, list[Any]] = {}
    for value in values:
        votes.setdefault(_canonical(value), []).append(value)
    return votes


def _winner(votes: dict[str, list[Any]], voters: int) -> str:
    """What more than half voted for; empty if there is no such value."""
    return next((name for name, equal in votes.items() if 2 * len(equal) > voters), "")


def _canonical(value: Any) -> str:
    return ENCODER.encode(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
