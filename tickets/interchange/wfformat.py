"""WfFormat, of wfcommons: a scientific workflow as it ran. It is imported as one ticket, with a task for each
of its tasks.

    parents, children          needs; either side may state an edge
    runtimeInSeconds           kept as the task's work
    command.program            the task's kind
    files, machines, memory    not imported

The document is recognised by its content, so importing it again adds nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import jsonschema

from agents.models import Project
from omoi_site import field_limits
from omoi_site.errors import Invalid, Malformed, TooLarge
from tickets.interchange.backlog import refuse_cycles
from tickets.interchange.json_lines import DEPTH, LIMIT, TOO_LARGE, Faults, deeper
from tickets.models import ImportResult, Need, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.task.task_spec import NeedSpec

MOST = 20_000
TITLE, KIND = field_limits.longest(Ticket, "title"), field_limits.longest(Task, "kind")
LONGEST_S = 10 * 366 * 86400

NAME = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\u0000]*$"}
NAMES = {"type": "array", "items": NAME}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "workflow"],
    "properties": {
        "name": NAME,
        "description": {
            "type": "string",
            "maxLength": field_limits.longest(Ticket, "description"),
            "pattern": "^[^\\u0000]*$",
        },
        "schemaVersion": {"enum": ["1.4", "1.5"]},
        "workflow": {
            "type": "object",
            "required": ["specification"],
            "properties": {
                "specification": {
                    "type": "object",
                    "required": ["tasks"],
                    "properties": {
                        "tasks": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST,
                            "items": {
                                "type": "object",
                                "required": ["id", "name"],
                                "properties": {"id": NAME, "name": NAME, "parents": NAMES, "children": NAMES},
                            },
                        }
                    },
                },
                "execution": {
                    "type": "object",
                    "properties": {
                        "tasks": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["id"],
                                "properties": {
                                    "id": NAME,
                                    "runtimeInSeconds": {
                                        "type": "number",
                                        "minimum": 0,
                                        "maximum": LONGEST_S,
                                    },
                                    "command": {
                                        "type": "object",
                                        "properties": {"program": {"type": "string"}},
                                    },
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}


@dataclass
class ParsedWorkflow:
    """A document without faults."""

    name: str
    description: str
    id: str
    items: dict[str, TaskSpec]
    warnings: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    source: str = "wfformat"

    def import_into(
        self,
        *,
        project: Project,
        workflow: Workflow,
        by: Any,
        watch: Callable[[int], None] = lambda made: None,
    ) -> ImportResult:
        """Import the ticket, unless it already exists."""
        Need.objects.lock_graph(project.pk)  # a parallel import of the same document waits here
        if Ticket.objects.filter(project=project, source=self.source, source_id=self.id).exists():
            return ImportResult(known=1)
        ticket = Ticket.objects.open(
            project,
            TicketSpec(
                workflow=workflow,
                title=self.name[:TITLE],
                description=self.description,
                tasks=list(self.items.values()),
                source=self.source,
                source_id=self.id,
            ),
            by=by,
            watch=watch,
        )
        return ImportResult(
            new=1,
            tasks=len(self.items),
            ready=ticket.tasks.ready().count(),
            needs=sum(len(spec.needs) for spec in self.items.values()),
        )


def read(file: BinaryIO) -> ParsedWorkflow:
    """The tasks of a WfFormat document and their needs. Raises Malformed, Invalid, TooLarge or Cycle, which
    name the place or the edge.
    """
    text = file.read(LIMIT + 1)
    if len(text) > LIMIT:
        raise TooLarge(TOO_LARGE)
    document = _parsed(text)
    faults = Faults()
    for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document):
        faults.add(".".join(str(step) for step in error.absolute_path) or "the document", error.message[:300])
    faults.check()
    tasks = document["workflow"]["specification"]["tasks"]
    ran = {task["id"]: task for task in document["workflow"].get("execution", {}).get("tasks", [])}
    needs = _needs(tasks, faults)
    faults.check()
    refuse_cycles(
        ((parent, child) for child, parents in needs.items() for parent in parents),
        "These tasks wait for each other",
    )
    parsed = ParsedWorkflow(
        _seen(document["name"], "WfFormat workflow"),
        document.get("description", ""),
        f"{document['name'][:150]} {hashlib.sha256(text).hexdigest()[:12]}",
        {task["id"]: _spec(task, ran.get(task["id"], {}), needs[task["id"]]) for task in tasks},
    )
    if parsed.name != document["name"]:
        parsed.warnings.append(f"the name has no visible character; {parsed.name} is the title")
    if blank := sum(bool(field_limits.blank_fault(task["name"])) for task in tasks):
        parsed.warnings.append(f"tasks whose name has no visible character; the title is their id: {blank}")
    if without := sum(1 for spec in parsed.items.values() if spec.work_s is None):
        parsed.warnings.append(f"tasks without a run time; 0 is assumed: {without}")
    if strange := len(ran.keys() - parsed.items.keys()):
        parsed.warnings.append(f"run times of tasks that are not in the specification, left out: {strange}")
    return parsed


def _parsed(text: bytes) -> dict[str, Any]:
    if not text.strip():
        raise Malformed("Nothing was imported. The file is empty")
    try:
        document = json.loads(text.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Malformed(
            f"Nothing was imported. The file is not UTF-8 (byte {error.start + 1}). Save it as UTF-8"
        ) from error
    except RecursionError as error:
        raise Malformed(f"Nothing was imported. The document is nested deeper than {DEPTH}") from error
    except ValueError as error:
        raise Malformed(f"Nothing was imported. The file is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Invalid("Nothing was imported. The document is not a JSON object", field="the document")
    if deeper(document, DEPTH):
        raise Malformed(f"Nothing was imported. The document is nested deeper than {DEPTH}")
    if b"\\u" in text and not _can_be_kept(document):
        raise Malformed(
            "Nothing was imported. The document contains a NUL character or half a surrogate pair,"
            " which cannot be stored"
        )
    return document


def _can_be_kept(document: dict[str, Any]) -> bool:
    """Whether the document has only characters that can be stored; JSON escapes may spell others."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        return "\\u0000" not in text and bool(text.encode())
    except UnicodeEncodeError:
        return False


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _needs(tasks: list[dict[str, Any]], faults: Faults) -> dict[str, list[str]]:
    """The parents of each task, in order; either end may state an edge."""
    needs: dict[str, dict[str, None]] = {}
    for number, task in enumerate(tasks):
        if task["id"] in needs:
            faults.add(f"task {number + 1}", f"the id {task['id']} appears twice")
        if fault := field_limits.blank_fault(task["id"]):
            faults.add(f"task {number + 1}", f"its id: {fault}")
        needs[task["id"]] = {}
    for task in tasks:
        for parent, child in _edges(task):
            if lacking := next((end for end in (parent, child) if end not in needs), None):
                faults.add(f"task {task['id']}", f"{parent} -> {child}: there is no task {lacking}")
            else:
                needs[child][parent] = None
    return {child: list(parents) for child, parents in needs.items()}


def _edges(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((parent, task["id"]) for parent in task.get("parents", ()))
    yield from ((task["id"], child) for child in task.get("children", ()))


def _seen(text: str, instead: str) -> str:
    """The text if a reader sees something in it."""
    return instead if field_limits.blank_fault(text) else text


def _spec(task: dict[str, Any], ran: dict[str, Any], parents: list[str]) -> TaskSpec:
    program = ran.get("command", {}).get("program", "") or task["name"].partition("_ID")[0]
    return TaskSpec(
        title=_seen(task["name"], task["id"])[:TITLE],
        ref=task["id"],
        kind=_seen(program[:KIND], "task"),
        needs=[NeedSpec(parent) for parent in parents],
        work_s=ran.get("runtimeInSeconds"),
    )
