"""Gates: the registry of checks. A check reads, and yields the reasons to stay; no reasons, and it passes.

What a check cannot find out is a reason too: an error in it, or evidence it cannot read, keeps the gate
closed.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import jsonschema

log = logging.getLogger(__name__)


TEXT = 2_000  # characters of a text in a reason
ITEMS = 50  # of a list or an object in it
DEEP = 4
WHOLE = 10**15  # beyond, numbers are not exact in every reader of JSON


@dataclass(frozen=True)
class Reason:
    """Why a gate stays closed, for whoever must act: what is needed, what there is, and how to get from one
    to the other.

    It may quote evidence, which strangers wrote: whatever a check puts in, it stays short, printable, and
    what JSON and a database can keep.
    """

    check: str
    code: str
    need: Any
    got: Any
    how: str

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _bounded(getattr(self, field.name)))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Check = Callable[[Any, dict[str, Any]], Iterator[Reason]]


@dataclass(frozen=True)
class Registered:
    """A check by name, with the JSON Schema of its parameters."""

    name: str
    parameters: dict[str, Any]
    judge: Check

    def faults(self, asked: dict[str, Any]) -> list[str]:
        """What is wrong with these parameters."""
        return [
            error.message for error in jsonschema.Draft202012Validator(self.parameters).iter_errors(asked)
        ]


_checks: dict[str, Registered] = {}


def gate_check(
    name: str, *, parameters: dict[str, Any] | None = None, optional: dict[str, Any] | None = None
) -> Callable[[Check], Check]:
    """Register a check under the name a workflow calls it by.

    `parameters`: its properties, all of them required; `optional`: those that are not.
    """
    known = parameters or {}
    schema = {
        "type": "object",
        "properties": {**known, **(optional or {})},
        "required": sorted(known),
        "additionalProperties": False,
    }

    def register(judge: Check) -> Check:
        _checks[name] = Registered(name, schema, judge)
        return judge

    return register


def known() -> dict[str, Registered]:
    """Every check there is, by name."""
    return dict(_checks)


def reasons(asked: dict[str, Any], case: Any) -> list[Reason]:
    """The reasons one entry of a gate (`{check, …parameters}`) finds in `case`; a check that fails is a
    reason, never a pass.
    """
    name = asked["check"]
    parameters = {key: value for key, value in asked.items() if key != "check"}
    check = _checks.get(name)
    if check is None:
        return [
            Reason(
                name,
                "check_unknown",
                name,
                None,
                "install the check, or move the ticket to a workflow version without it",
            )
        ]
    try:
        return list(check.judge(case, parameters))
    except Exception as error:
        log.exception("a gate check failed", extra={"check": name})
        return [
            Reason(
                name,
                "check_failed",
                "an answer",
                type(error).__name__,
                "look into the server's log; the gate stays closed meanwhile",
            )
        ]


def _bounded(value: Any, depth: int = DEEP) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return (
            value
            if abs(value) <= WHOLE
            else f"{'more' if value > 0 else 'less'} than {'' if value > 0 else '-'}{WHOLE}"
        )
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {
            _bounded(str(key)): _bounded(each, depth - 1)
            for key, each in itertools.islice(value.items(), ITEMS)
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        more = [f"and {len(value) - ITEMS} more"] if len(value) > ITEMS else []
        return [_bounded(each, depth - 1) for each in itertools.islice(value, ITEMS)] + more
    text = value if isinstance(value, str) else f"({type(value).__name__})"
    shown = "".join(
        letter if letter.isprintable() else " " if letter in "\n\t" else "?" for letter in text[:TEXT]
    )
    return shown + ("…" if len(text) > TEXT else "")
