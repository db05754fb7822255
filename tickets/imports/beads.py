"""Beads: one issue a line, as `.beads/issues.jsonl` holds it.

    blocks         the issue's task needs the other's
    parent-child   the other is its parent; a further parent is kept as a link
    any other      a link of that kind
    closed         done, as imported; any other status starts, and the status is one of its labels
    priority       0 critical, 1 high, 2 medium, 3 and 4 low

A relation to an id that is neither in the file nor here is told and left out. A tombstone is a deleted issue: left out, with its edges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from omoi_site import limits
from omoi_site.errors import Malformed
from tickets.imports.lines import Faults, objects
from tickets.imports.sheet import Relation, Sheet
from tickets.models import Item, Link, Priority, Task, Ticket

MOST = 20_000  # issues of one file, for all are written in one transaction; ten times as many dependencies
SPLIT = "split the file; what is known is not imported twice, and its parts find each other"
PRIORITIES = [Priority.CRITICAL, Priority.HIGH, Priority.MEDIUM, Priority.LOW, Priority.LOW]
SECTIONS = {"design": "Design", "acceptance_criteria": "Acceptance criteria", "notes": "Notes"}  # they follow the description
TEXTS = ("id", "title", "description", "status", "issue_type", "created_at", *SECTIONS)
TAKEN = {*TEXTS, "priority", "labels", "dependencies"}
HOLD_UP = {"conditional-blocks", "waits-for"}  # kinds that hold work up there, and nothing here
TITLE = Ticket._meta.get_field("title").max_length
LABEL = Ticket._meta.get_field("labels").base_field.max_length
LONGEST = {"id": Ticket._meta.get_field("source_id").max_length, "status": LABEL, "issue_type": Task._meta.get_field("kind").max_length}
RELATION = Link._meta.get_field("kind").max_length


def read(file: BinaryIO) -> Sheet:
    """The issues of a beads file and their relations; raises Malformed, Invalid or TooLarge naming the line."""
    faults, lines = Faults(), {}
    sheet = Sheet("beads", needs="blocks", parents="parent-child")
    for line, issue in objects(file, faults):
        if wrong := list(problems(issue)):
            faults.add(line, ", ".join(wrong))
            continue
        name = issue["id"]
        if name in lines:
            faults.add(line, f"the id {name} is that of {lines[name]} too")
            continue
        if len(lines) == MOST:
            faults.add(line, f"more than {MOST} issues: {SPLIT}")
            break
        lines[name] = line
        if issue.get("status") != "tombstone":
            item = sheet.items[name] = _item(issue, line, sheet)
            for field, message in limits.faults(Ticket, vars(item)):
                faults.add(line, f"its {field} has {message}")
            sheet.relations |= {Relation(edge["type"], name, edge["depends_on_id"]): None for edge in issue.get("dependencies") or ()}
            if len(sheet.relations) > 10 * MOST:
                faults.add(line, f"more than {10 * MOST} dependencies: {SPLIT}")
                break
    if not (lines or faults.found):
        faults.add("the file", "it holds no issue", kind=Malformed, code="malformed")
    faults.check()
    if deleted := len(lines) - len(sheet.items):
        sheet.warnings.append(f"deleted issues (tombstones) left out: {deleted}")
    for kind, count in Counter(relation.kind for relation in sheet.relations if relation.kind in HOLD_UP).items():
        sheet.warnings.append(f"relations of kind {kind} kept as links, for which nothing waits: {count}")
    return sheet


def problems(issue: dict[str, Any]) -> Iterator[str]:
    """Why an issue cannot be imported, in words; fields that are not taken over may hold anything."""
    for name in TEXTS:
        value = issue.get(name)
        if value is None and name not in ("id", "title"):
            continue
        yield from _wrong_text(name, value, LONGEST.get(name), must=name in ("id", "title"))
    priority = issue.get("priority")
    if priority is not None and not (isinstance(priority, int) and not isinstance(priority, bool) and 0 <= priority < len(PRIORITIES)):
        yield f"priority must be a number from 0 to {len(PRIORITIES) - 1}"
    labels = issue.get("labels") or []
    if isinstance(labels, list):
        for place, label in enumerate(labels, 1):
            yield from _wrong_text(f"label {place}", label, LABEL)
    else:
        yield "labels must be a list"
    edges = issue.get("dependencies") or []
    if isinstance(edges, list):
        for place, edge in enumerate(edges, 1):
            yield from _wrong_edge(f"dependency {place}", edge, issue.get("id"))
    else:
        yield "dependencies must be a list"


def _wrong_text(name: str, value: Any, longest: int | None = None, *, must: bool = False) -> Iterator[str]:
    if value is None:
        yield f"{name} is missing"
    elif not isinstance(value, str):
        yield f"{name} must be text"
    elif must and not value.strip():
        yield f"{name} is empty"
    elif "\0" in value:
        yield f"{name} holds a NUL character, which no text may hold"
    elif not _whole(value):
        yield f"{name} holds half a surrogate pair, which is no character"
    elif longest and len(value) > longest:
        yield f"{name} is longer than {longest} characters"


def _wrong_edge(name: str, edge: Any, issue: Any) -> Iterator[str]:
    if not isinstance(edge, dict):
        yield f"{name} must be an object"
        return
    yield from _wrong_text(f"{name}: depends_on_id", edge.get("depends_on_id"), LONGEST["id"], must=True)
    yield from _wrong_text(f"{name}: type", edge.get("type"), RELATION, must=True)
    if edge.get("issue_id", issue) != issue:
        yield f"{name} is one of {edge['issue_id']}"


def _whole(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _item(issue: dict[str, Any], line: str, sheet: Sheet) -> Item:
    title = " ".join(issue["title"].split())
    parts = [issue.get("description") or "", *(f"## {head}\n\n{issue[name]}" for name, head in SECTIONS.items() if issue.get(name))]
    if len(title) > TITLE:
        sheet.warnings.append(f"{line}: the title of {issue['id']} is longer than {TITLE} characters: cut, and whole in its description")
        parts.insert(0, title)
        title = title[: TITLE - 1] + "…"
    sheet.left_out.update(name for name, value in issue.items() if name not in TAKEN and value not in (None, "", [], {}))
    status, kind = issue.get("status") or "open", issue.get("issue_type") or "task"
    labels = [label.strip() for label in issue.get("labels") or []]
    labels += [word for word in (status, kind) if word not in ("closed", "task")]
    priority = issue.get("priority")
    return Item(
        id=issue["id"],
        title=title,
        description="\n\n".join(filter(None, parts)),
        priority=PRIORITIES[2 if priority is None else priority],
        labels=list(dict.fromkeys(filter(None, labels))),
        kind=kind,
        done=status == "closed",
        created_at=_moment(issue.get("created_at") or ""),
    )


def _moment(text: str) -> datetime | None:
    """A moment of the past with its zone; what is none of that tells nothing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo and moment.year >= 1970 and moment <= datetime.now(UTC) else None
