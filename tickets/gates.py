"""Gates: the registry of checks. A check reads, and yields the reasons to stay; no reasons, and it passes.

What a check cannot find out is a reason too: an error in it, or evidence it cannot read, keeps the gate closed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import jsonschema

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reason:
    """Why a gate stays closed, for whoever must act: what is needed, what there is, and how to get from one to the other."""

    check: str
    code: str
    need: Any
    got: Any
    how: str

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
        return [error.message for error in jsonschema.Draft202012Validator(self.parameters).iter_errors(asked)]


_checks: dict[str, Registered] = {}


def gate_check(name: str, *, parameters: dict[str, Any] | None = None) -> Callable[[Check], Check]:
    """Register a check under the name a workflow calls it by. `parameters`: its properties; all of them are required."""
    known = parameters or {}
    schema = {"type": "object", "properties": known, "required": sorted(known), "additionalProperties": False}

    def register(judge: Check) -> Check:
        _checks[name] = Registered(name, schema, judge)
        return judge

    return register


def known() -> dict[str, Registered]:
    """Every check there is, by name."""
    return dict(_checks)


def reasons(asked: dict[str, Any], case: Any) -> list[Reason]:
    """The reasons one entry of a gate (`{check, …parameters}`) finds in `case`; a check that fails is a reason, never a pass."""
    name = asked["check"]
    parameters = {key: value for key, value in asked.items() if key != "check"}
    check = _checks.get(name)
    if check is None:
        return [Reason(name, "check_unknown", name, None, "install the check, or move the ticket to a workflow version without it")]
    try:
        found = list(check.judge(case, parameters))
        if not all(_can_be_kept(reason) for reason in found):
            return [Reason(name, "check_failed", "text", "characters no text can keep", "hand the evidence in without them")]
        return found
    except Exception as error:
        log.exception("a gate check failed", extra={"check": name})
        return [
            Reason(name, "check_failed", "an answer", type(error).__name__, "look into the server's log; the gate stays closed meanwhile")
        ]


def _can_be_kept(reason: Reason) -> bool:
    """A reason may quote the evidence, which may hold what no database text can: NUL, half a surrogate pair."""
    told = json.dumps(reason.as_dict(), ensure_ascii=False)
    try:
        return "\\u0000" not in told and bool(told.encode())
    except UnicodeEncodeError:
        return False
