"""The registry of gate checks. A check reads evidence and yields the reasons not to pass; without reasons it
passes.

An error in a check, or evidence that it cannot read, is a reason too, and keeps the gate closed.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from typing import Any

import jsonschema

from omoi_site.database import sql
from tickets.gates import time_limit

log = logging.getLogger(__name__)

MAX_TEXT = 2_000  # characters of a text in a reason
MAX_ITEMS = 50  # in a list or object in a reason
MAX_DEPTH = 4
MAX_INTEGER = 10**15  # larger numbers are not exact in every JSON parser


@dataclass(frozen=True)
class Reason:
    """Why a gate stays closed, for the one who must act: what is needed, what is there, and what to do.

    It may quote evidence, which is untrusted. So whatever a check puts in is made short, printable, and valid
    for JSON and the database.
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


class Unanswered(Reason):
    """A check outside could not find out, for now: the gate stays closed, and a move that the workflow makes
    by itself is tried again later instead of being refused.
    """


Parameters = dict[str, Any]
Function = Callable[[Any, Parameters], Iterator[Reason]]
Faults = Callable[[Parameters], Iterator[str]]
Work = Callable[[Any], Any]  # see `work.Work`


def no_faults(parameters: Parameters) -> Iterator[str]:
    return iter(())


@dataclass(frozen=True)
class GateCheck:
    """A check, its name, and the JSON Schema of its parameters.

    faults: what is wrong with parameters that are valid by that schema.
    """

    name: str
    parameters: Parameters
    function: Function
    faults: Faults = no_faults
    outside: bool = False  # see `gate_check`
    work: Any = None  # see `worker_check`
    makes_task: Any = None  # see `task_check`
    rounds: Any = None

    @property
    def own_key(self) -> bool:
        """Whether a document asks for it by the key of the phase with its name, not in `gate`."""
        return self.name in OWN_KEYS

    @property
    def description(self) -> str:
        """What passes it, for authors of workflows: the docstring of the function."""
        return " ".join(((self.work or self.function).__doc__ or "").split())

    def errors(self, parameters: Parameters) -> list[jsonschema.ValidationError]:
        """The faults of these parameters."""
        errors = list(jsonschema.Draft202012Validator(self.parameters).iter_errors(parameters))
        return errors or [jsonschema.ValidationError(fault) for fault in self.faults(parameters)]


OWN_KEYS = frozenset({"approvals"})
_checks: dict[str, GateCheck] = {}


def gate_check(
    name: str,
    *,
    parameters: Parameters | None = None,
    optional: Parameters | None = None,
    one_of: Parameters | None = None,
    faults: Faults = no_faults,
    outside: bool = False,
) -> Callable[[Function], Function]:
    """Register a check under the name that workflows use.

    `parameters`: its required properties; `one_of`: exactly one of these is required; `optional`: the rest.
    `outside`: it asks what may take seconds, such as a repository. So it answers before the transaction that
    judges, and only when a gate is judged: a page that shows a gate does not wait for it.
    """
    schema = _schema(parameters or {}, optional or {}, one_of or {})

    def register(function: Function) -> Function:
        _checks[name] = GateCheck(name, schema, function, faults, outside)
        return function

    return register


def worker_check(
    name: str,
    *,
    parameters: Parameters | None = None,
    optional: Parameters | None = None,
    faults: Faults = no_faults,
) -> Callable[[Work], Work]:
    """Register a check whose work is done in a worker, after a judgement asked for it. The next judgement
    reads what it has answered.
    """
    schema = _schema(parameters or {}, optional or {}, {})

    def register(work: Work) -> Work:
        _checks[name] = GateCheck(name, schema, stored_answer(name), faults, work=work)
        return work

    return register


def task_check(
    name: str,
    makes_task: Callable[..., dict[str, Any]],
    *,
    rounds: Callable[[Parameters], int],
    optional: Parameters,
) -> Callable[[Function], Function]:
    """Register a check that adds a task when a judgement asks for it, and reads how the task ended.

    makes_task: called with the ticket, the entry of the gate and the number of the round; gives the fields of
    the task. rounds: how many there are at most, by the entry.
    """
    schema = _schema({}, optional, {})

    def register(function: Function) -> Function:
        _checks[name] = GateCheck(name, schema, function, makes_task=makes_task, rounds=rounds)
        return function

    return register


def _schema(required: Parameters, optional: Parameters, either: Parameters) -> Parameters:
    schema: Parameters = {
        "type": "object",
        "properties": {**required, **either, **optional},
        "required": sorted(required),
        "additionalProperties": False,
    }
    if either:
        schema["oneOf"] = [{"required": [word]} for word in either]
    return schema


def stored_answer(name: str) -> Function:
    """A check that reads the answer of its run in a worker."""

    def answer(case: Any, needs: Parameters) -> Iterator[Reason]:
        run = case.run({"check": name, **needs})
        if run is None:
            yield not_asked(name)
        elif run.reasons is None:
            yield not_answered(name, "a worker runs it now" if run.started_at else "it waits for a worker")
        else:
            yield from (Reason(**reason) for reason in run.reasons)

    return answer


def not_asked(check: str) -> Reason:
    how = "run the checks of the gate: this one takes time, so it runs only then"
    return Reason(check, "not_asked", "an answer on the present evidence", None, how)


def not_answered(check: str, where: str) -> Reason:
    how = "wait for its answer, then run the checks of the gate again"
    return Unanswered(check, "not_answered", "an answer on the present evidence", where, how)


def put(checks: dict[str, GateCheck]) -> None:
    """These are the registered checks from now on."""
    _checks.clear()
    _checks.update(checks)


def registered() -> dict[str, GateCheck]:
    """All registered checks by name."""
    return dict(_checks)


def runs_later(entry: dict[str, Any]) -> bool:
    """Whether this entry of a gate is answered by a worker or by a task, after a judgement asked for it."""
    check = _checks.get(entry["check"])
    return check is not None and bool(check.work or check.makes_task)


def is_outside(entry: dict[str, Any]) -> bool:
    """Whether this entry of a gate is answered before the transaction that judges."""
    check = _checks.get(entry["check"])
    return check is not None and check.outside


def reasons(
    entry: dict[str, Any], case: Any, around: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> list[Reason]:
    """The reasons that one entry of a gate (`{check, …parameters}`) finds in `case`. A check that raises
    gives a reason, never a pass. around: what the check is run in.

    Raises only a transient error of the database: it says nothing about the evidence, so the judgement must
    be tried again.
    """
    name = entry["check"]
    parameters = {key: value for key, value in entry.items() if key != "check"}
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
        with around():
            return list(check.function(case, parameters))
    except time_limit.TimeUp:
        how = "judge the gate again when the machine has less to do; if it stays so, submit smaller files"
        return [Reason(name, "check_too_slow", f"an answer within {time_limit.MOST_S:g} s", None, how)]
    except Exception as error:
        if sql.transient(error):
            raise
        log.exception("a gate check failed", extra={"check": name})
        return [
            Reason(
                name,
                "check_failed",
                "an answer",
                type(error).__name__,
                "read the server's log; the gate stays closed until then",
            )
        ]


def _bounded(value: Any, depth: int = MAX_DEPTH) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return (
            value
            if abs(value) <= MAX_INTEGER
            else f"{'more' if value > 0 else 'less'} than {'' if value > 0 else '-'}{MAX_INTEGER}"
        )
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {
            _bounded(str(key)): _bounded(item, depth - 1)
            for key, item in itertools.islice(value.items(), MAX_ITEMS)
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        rest = [f"and {len(value) - MAX_ITEMS} more"] if len(value) > MAX_ITEMS else []
        return [_bounded(item, depth - 1) for item in itertools.islice(value, MAX_ITEMS)] + rest
    text = value if isinstance(value, str) else f"({type(value).__name__})"
    shown = "".join(
        letter if letter.isprintable() else " " if letter in "\n\t" else "?" for letter in text[:MAX_TEXT]
    )
    return shown + ("…" if len(text) > MAX_TEXT else "")
