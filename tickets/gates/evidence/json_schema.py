"""Validates JSON against a schema (draft 2020-12) that may be as untrusted as the JSON.

Nothing is fetched, and each keyword looks at the clock. What a pattern costs is known before it is tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from tickets.gates.evidence.bounded_xml import Budget, Unreadable, quoted
from tickets.gates.evidence.json_document import json_document

DRAFT = "https://json-schema.org/draft/2020-12/schema"
LONGEST = 64 << 10  # characters of a schema
VALUES = 50_000  # in a document: each may become a fault, and each fault is kept for a while
SHOWN = 20  # faults of a document
STEPS = 10**8  # of a search for a pattern, about two seconds
PLAIN = re.compile(r"\\[^1-9]|\[\^?\]?(?:\\.|[^\]\\])*\]")  # an escaped character, or a class of them
HARD = re.compile(r"\)[*+{?]|\(\?(?!:)|\\[1-9]")  # a repeated group; what looks around or back
Keyword = Callable[..., Any]

_budget: ContextVar[Budget] = ContextVar("budget")


@dataclass(frozen=True)
class Against:
    """Called with the bytes of a JSON file, gives its faults, SHOWN at most: `$.items[2]: what is wrong`.

    schema: its JSON, without a `schema_fault`.
    """

    schema: str

    def __call__(self, content: bytes) -> tuple[str, ...]:
        document = json_document(content)
        if content.count(b",") > VALUES:
            raise Unreadable(f"it has more than {VALUES} values")
        schema = json.loads(self.schema)
        _budget.set(Budget())
        try:
            errors = islice(Bounded(schema, registry=Registry()).iter_errors(document), SHOWN)
            return tuple(f"{quoted(error.json_path)}: {quoted(error.message)}" for error in errors)
        except RecursionError as error:
            raise Unreadable("its schema refers to itself without an end") from error
        except Unresolvable as error:
            raise Unreadable(f"its schema refers to {quoted(error.ref)}, which is not in it") from error


def json_schema(content: bytes) -> Against:
    """The validator for the schema in a file."""
    schema = json_document(content)
    if fault := schema_fault(schema):
        raise Unreadable(fault)
    return Against(json.dumps(schema))


def schema_fault(schema: Any) -> str:
    """Why this cannot be used as a schema; empty if it can."""
    if not isinstance(schema, dict):
        return "a schema is an object"
    if len(json.dumps(schema)) > LONGEST:
        return f"a schema may have at most {LONGEST >> 10} KiB"
    if schema.get("$schema", DRAFT) != DRAFT:
        return f"its $schema must be {DRAFT}, or be left out"
    try:
        if fault := next(_faults(schema), ""):
            return fault
        Draft202012Validator.check_schema(schema)
        return ""
    except SchemaError as error:
        return f"{quoted(error.json_path)}: {quoted(error.message)}"
    except RecursionError:
        return "it is nested too deep"


def _faults(schema: Any) -> Iterator[str]:
    """What a schema may not have here, valid or not."""
    if isinstance(schema, dict):
        for name in ("$ref", "$dynamicRef"):
            if isinstance(to := schema.get(name), str) and not to.startswith("#"):
                yield f"it refers to {quoted(to)}, and may refer only to its own parts, such as #/$defs/price"
        if isinstance(pattern := schema.get("pattern"), str) and (fault := _pattern_fault(pattern)):
            yield f"its pattern {quoted(pattern)} {fault}"
        if isinstance(schema.get("patternProperties"), dict):
            yield "patternProperties is not available; use properties or additionalProperties"
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _faults(part)


def _pattern_fault(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a regular expression: {error}"
    if HARD.search(PLAIN.sub("x", pattern)):
        return "repeats a group, or looks around or back; repeat single characters or classes instead"
    return ""


def _steps(pattern: str, length: int) -> int:
    """At most so many steps takes a search in a text of this length: each repetition tries every length of
    its match, each choice two ways, and each place is a start.
    """
    plain = PLAIN.sub("x", pattern)
    repeated = len(re.findall(r"[*+]|\{[0-9]*,", plain))
    anchored = plain.startswith("^") and "|" not in plain
    return (length + 1) ** (repeated + (not anchored)) * 2 ** (plain.count("|") + plain.count("?"))


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str):
        return
    if _steps(pattern, len(instance)) > STEPS:
        raise Unreadable(
            f"a text of {len(instance)} characters is too long for the pattern {quoted(pattern)}"
        )
    if not re.search(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """In one pass; the library compares each item with each."""
    if unique and isinstance(instance, list):
        items = {json.dumps(_numbers_alike(item), sort_keys=True) for item in instance}
        if len(items) < len(instance):
            yield ValidationError("it has an item twice")


def _numbers_alike(value: Any) -> Any:
    """For JSON Schema, 1 and 1.0 are the same number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_numbers_alike(item) for item in value]
    return {key: _numbers_alike(item) for key, item in value.items()} if isinstance(value, dict) else value


def _clocked(keyword: Keyword) -> Keyword:
    def clocked(*args: Any) -> Any:
        _budget.get().check()
        return keyword(*args)

    return clocked


OWN = {"pattern": _pattern, "uniqueItems": _unique}
KEYWORDS = {name: _clocked(keyword) for name, keyword in {**Draft202012Validator.VALIDATORS, **OWN}.items()}
Bounded: Any = extend(Draft202012Validator, validators=KEYWORDS)


def _for_part(validator: Any, **changes: Any) -> Any:
    """The validator of a part of the schema. The library would take one of its own where the part names a
    `$schema`, without any limit; and what follows references by itself makes a new one for each.
    """
    _budget.get().check()
    same = {"schema": validator.schema, "registry": validator._registry, "_resolver": validator._resolver}
    return Bounded(**{**same, **changes})


Bounded.evolve = _for_part
