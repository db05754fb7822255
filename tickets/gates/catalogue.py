"""The registered gate checks as documents: for the page of checks, the command, and docs/checks.md."""

from __future__ import annotations

from typing import Any

from tickets.gates import registry
from tickets.gates.registry import GateCheck

HEAD = """# Gate checks

What a phase can ask for in its `gate`. This page is made from the registry by
`manage.py workflows checks --markdown`. A server shows its own checks, with those of installed packages, at
`/checks/`. [workflows.md](workflows.md#a-check-of-your-own) says how to add one.

A check that fails gives reasons, each `{check, code, need, got, how}`. One that cannot read its evidence,
breaks, or takes too long keeps the gate closed.
"""
WHEN = {
    "at once": "when the gate is judged",
    "before": "just before the gate is judged, with no ticket locked: it asks a repository",
    "worker": "by a worker, after a judgement asked for it; the next judgement reads the answer",
    "review": "by another agent, in a task that a judgement adds; the next judgement reads the verdict",
}


def documents() -> list[dict[str, Any]]:
    """Each {name, description, answers, parameters, schema}; parameters: each {name, needed, type,
    description}.
    """
    return [_document(check) for _, check in sorted(registry.registered().items())]


def markdown() -> str:
    """docs/checks.md."""
    return "\n".join([HEAD, *(_section(document) for document in documents())])


def _document(check: GateCheck) -> dict[str, Any]:
    properties = check.parameters["properties"]
    required = check.parameters["required"]
    either = [way["required"][0] for way in check.parameters.get("oneOf", ())]
    return {
        "name": check.name,
        "description": check.description,
        "answers": WHEN[_when(check)],
        "parameters": [
            {
                "name": name,
                "needed": "required"
                if name in required
                else "one of these"
                if name in either
                else "optional",
                "type": _type(schema),
                "description": schema.get("description", ""),
            }
            for name, schema in properties.items()
        ],
        "schema": check.parameters,
    }


def _type(schema: dict[str, Any]) -> str:
    """In words: its type, or the values it may have."""
    if "const" in schema:
        return str(schema["const"])
    return " or ".join(map(str, schema.get("enum", ()))) or str(schema.get("type", "any"))


def _when(check: GateCheck) -> str:
    if check.makes_task:
        return "review"
    return "worker" if check.work else "before" if check.outside else "at once"


def _section(document: dict[str, Any]) -> str:
    rows = [
        f"| `{each['name']}` | {each['type']} | {each['needed']} | {each['description']} |"
        for each in document["parameters"]
    ]
    table = ["| parameter | type | | |", "| --- | --- | --- | --- |", *rows, ""] if rows else []
    needed = [f"{each['name']}: …" for each in document["parameters"] if each["needed"] == "required"]
    entry = f"{{{', '.join(['check: ' + document['name'], *needed])}}}"
    return "\n".join(
        [
            f"## {document['name']}\n",
            f"{document['description']}\n",
            f"Answered {document['answers']}. In a gate: `{entry}`\n",
            *table,
        ]
    )
