"""Checks of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tickets.gates import evidence
from tickets.gates.checks.documents import TYPE
from tickets.gates.checks.reading import reading
from tickets.gates.registry import Reason, gate_check

SCHEMA = {
    "type": "object",
    "title": "Schema",
    "description": "The JSON Schema (draft 2020-12). It may refer only to its own parts.",
}
SCHEMA_TYPE = {
    **TYPE,
    "title": "Schema type",
    "description": "The type of the artifact of this phase that is the schema, such as api_schema.",
}


def faults(needs: dict[str, Any]) -> Iterator[str]:
    if "schema" in needs and (fault := evidence.schema_fault(needs["schema"])):
        yield f"schema cannot be used: {fault}"


@gate_check(
    "json_schema",
    parameters={"type": TYPE},
    one_of={"schema": SCHEMA, "schema_type": SCHEMA_TYPE},
    faults=faults,
)
def json_schema(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """An artifact is JSON that is valid against a schema: one in the workflow, or one that was submitted."""
    if "schema" in needs:
        against = evidence.Against(json.dumps(needs["schema"]))
    else:
        against = yield from reading("json_schema", case, needs["schema_type"], evidence.json_schema)
    wrong = against and (yield from reading("json_schema", case, needs["type"], against))
    if wrong:
        need = needs.get("schema_type", "the schema of the workflow")
        yield Reason("json_schema", "not_valid", need, list(wrong), "correct these, then submit it again")
