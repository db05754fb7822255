"""Beads: one issue per line, as in `.beads/issues.jsonl`.

    blocks         the issue's task needs the other's
    conditional-…  the same, but any end of the other meets the need
    waits-for      a link, and the issue's task needs those of the other's children
    parent-child   the other is its parent; a further parent is kept as a link
    any other      a link of that kind
    P.1            a child of P
    closed         done, as imported
    open           can start; with `defer_until` in the future, not before then
    any other      is imported paused, with status and assignee as the reason, because beads does not
                   offer it as ready work
    comments       comments, with the author's name as text
    priority       0 critical, 1 high, 2 medium, 3 and 4 low

A relation to an id that is neither in the file nor here is kept, and completed when that id is imported. A
tombstone is a deleted issue: it is left out with its edges. Rows that are not work (memories, gates, agents,
messages and the like) are left out and counted by type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from omoi_site import field_limits
from omoi_site.errors import Malformed
from tickets.interchange import comments as source_comments
from tickets.interchange import excluded_rows
from tickets.interchange.backlog import ParsedBacklog
from tickets.interchange.json_lines import Faults, objects
from tickets.interchange.storable_text import kept_text, wrong_text
from tickets.models import Comment, Item, Link, Priority, Relation, RelationKinds, Task, Ticket

# issues in one file, because all are written in one transaction; ten times as many dependencies and comments
MOST = 20_000
SPLIT = "split the file; nothing is imported twice, and relations between the parts are kept"
PRIORITIES = [Priority.CRITICAL, Priority.HIGH, Priority.MEDIUM, Priority.LOW, Priority.LOW]
SECTIONS = {
    "design": "Design",
    "acceptance_criteria": "Acceptance criteria",
    "notes": "Notes",
}  # appended to the description
TEXTS = ("id", "title", "description", "status", "issue_type", "created_at", "external_ref", *SECTIONS)
IMPORTED_FIELDS = {
    *TEXTS,
    "priority",
    "labels",
    "comments",
    "dependencies",
    "defer_until",
    "assignee",
    "pinned",
    "deleted_at",
    "closed_at",
    "is_template",
    "ephemeral",
    "_type",
}
EXCLUDED_TYPES = {
    "gate",
    "molecule",
    "agent",
    "message",
    "event",
    "role",
    "rig",
    "slot",
    "convoy",
    "template",
    "wisp",
}  # issue types
DELETED = {"tombstone", "deleted"}
PRIORITY_NAMES = {
    name: number for number, name in enumerate(("critical", "high", "medium", "low", "backlog"))
}
ASSIGNEE = 200  # maximum characters in a reason
KINDS = RelationKinds(
    needs="blocks",
    parents="parent-child",
    ends="conditional-blocks",
    children="waits-for",
    any_child="waits-for-any",
)
NOT_OFFERED = {"merge-request"}  # issue types that are work, but that beads offers to nobody
TITLE = field_limits.longest(Ticket, "title")
LABEL = Ticket._meta.get_field("labels").base_field.max_length
LONGEST = {
    "id": Ticket._meta.get_field("source_id").max_length,
    "status": LABEL,
    "issue_type": Task._meta.get_field("kind").max_length,
}
LONGEST["external_ref"] = Ticket._meta.get_field("external_ref").max_length
RELATION = Link._meta.get_field("kind").max_length


def read(file: BinaryIO) -> ParsedBacklog:
    """The issues of a beads file and their relations. Raises Malformed, Invalid or TooLarge, which name the
    line.
    """
    faults = Faults()
    lines: dict[str, str] = {}
    parsed = ParsedBacklog("beads", KINDS)
    comments = 0
    open_excluded: dict[str, str] = {}  # open rows that are not work, by id
    over: set[str] = set()  # closed ones
    edges: list[Relation] = []  # of both
    unusable = others = 0  # their edges that cannot be kept, and the number of such rows
    deferred_until: dict[str, datetime] = {}  # when deferred issues become due

    def refuse_too_many(line: str) -> None:
        dependencies = len(parsed.relations) + len(edges) + unusable
        for what, count in (("dependencies", dependencies), ("comments", comments)):
            if count > 10 * MOST:
                faults.add(line, f"more than {10 * MOST} {what}: {SPLIT}")
                faults.check()

    for line, issue in objects(file, faults, "a beads export"):
        if kind := no_work(issue):
            others += 1
            if len(lines) + others > MOST:
                faults.add(line, f"more than {MOST} issues and other rows: {SPLIT}")
                break
            parsed.no_work[kind] += 1
            name = _usable_id(issue)
            own, bad = _usable_edges(issue) if name else ([], _count_edges(issue))
            unusable += bad
            if name:
                parsed.excluded.add(name)
                if status_of(issue) not in ("closed", "pinned", *DELETED):
                    open_excluded[name] = kind
                if status_of(issue) not in DELETED:
                    edges += own
                if status_of(issue) == "closed":
                    over.add(name)
                if until := _moment(issue, "defer_until", None, future=True):
                    deferred_until[name] = until
            refuse_too_many(line)
            continue
        if wrong := list(problems(issue)):
            faults.add(line, ", ".join(wrong))
            continue
        name = issue["id"]
        if name in lines:
            faults.add(line, f"the id {name} is also used in {lines[name]}")
            continue
        if len(lines) + others == MOST:
            faults.add(line, f"more than {MOST} issues: {SPLIT}")
            break
        lines[name] = line
        if status_of(issue) not in DELETED and not issue.get("deleted_at"):
            item = parsed.items[name] = _item(issue, line, parsed)
            for field, message in field_limits.faults(Ticket, vars(item)):
                faults.add(line, f"its {field}: {message}")
            for number, comment in enumerate(item.comments, 1):
                for field, message in field_limits.faults(Comment, vars(comment)):
                    faults.add(line, f"comment {number}: its {field}: {message}")
            parsed.relations |= dict.fromkeys(_edges(issue))
            if until := _moment(issue, "defer_until", None, future=True):
                deferred_until[name] = until
            comments += len(item.comments)
            refuse_too_many(line)
        else:
            parsed.deleted.append(name)
    if not (lines or faults.found or parsed.no_work):
        faults.add("the file", "it contains no issue", kind=Malformed, code="malformed")
    faults.check()
    _adopt_by_id(parsed)
    excluded_rows.drop_met_waits(parsed, over, edges)
    excluded_rows.pause_blocked(parsed, open_excluded, edges)
    _defer(parsed, deferred_until)
    if parsed.deleted:
        parsed.warnings.append(f"deleted issues (tombstones) left out: {len(parsed.deleted)}")
    if unusable:
        parsed.warnings.append(
            f"dependencies of rows that are not work, left out because they cannot be stored: {unusable}"
        )
    for field, count in parsed.bad_times.items():
        parsed.warnings.append(f"values of {field} that are not valid times, left out: {count}")
    return parsed


def problems(issue: dict[str, Any]) -> Iterator[str]:
    """Messages that say why an issue cannot be imported; fields that are not imported may hold anything."""
    for name in TEXTS:
        value = issue.get(name)
        if value is None and name not in ("id", "title"):
            continue
        yield from wrong_text(name, value, LONGEST.get(name), must=name in ("id", "title"))
    if priority_of(issue) is None:
        yield f"priority must be a number from 0 to {len(PRIORITIES) - 1}"
    labels = issue.get("labels") or []
    if isinstance(labels, list):
        for number, label in enumerate(labels, 1):
            yield from wrong_text(f"label {number}", label, LABEL)
    else:
        yield "labels must be a list"
    edges = issue.get("dependencies") or []
    if isinstance(edges, list):
        for number, edge in enumerate(edges, 1):
            yield from _wrong_edge(f"dependency {number}", edge, issue.get("id"))
    else:
        yield "dependencies must be a list"
    yield from source_comments.problems(issue)


def _wrong_edge(name: str, edge: Any, issue: Any) -> Iterator[str]:
    if not isinstance(edge, dict):
        yield f"{name} must be an object"
        return
    yield from wrong_text(f"{name}: depends_on_id", edge.get("depends_on_id"), LONGEST["id"], must=True)
    yield from wrong_text(f"{name}: type", edge.get("type"), RELATION, must=True)
    if edge.get("issue_id", issue) != issue:
        yield f"{name} is one of {kept_text(str(edge['issue_id']))[:200]}"


def _item(issue: dict[str, Any], line: str, parsed: ParsedBacklog) -> Item:
    title = " ".join(issue["title"].split())
    parts = [
        issue.get("description") or "",
        *(f"## {head}\n\n{issue[name]}" for name, head in SECTIONS.items() if issue.get(name)),
    ]
    if len(title) > TITLE:
        parsed.warnings.append(
            f"{line}: the title of {issue['id']} is longer than {TITLE} characters."
            " It was cut; the description has the full title"
        )
        parts.insert(0, title)
        title = title[: TITLE - 1] + "…"
    parsed.left_out.update(
        kept_text(name)
        for name, value in issue.items()
        if name not in IMPORTED_FIELDS and value not in (None, "", [], {})
    )
    status, kind = status_of(issue), issue.get("issue_type") or "task"
    labels = [label.strip() for label in issue.get("labels") or []]
    labels += [word for word in (status, kind) if word not in ("closed", "task")]
    created_at, deferred = (
        _moment(issue, "created_at", parsed),
        _moment(issue, "defer_until", parsed, future=True),
    )
    paused = "pinned" if issue.get("pinned") is True and status == "open" else status
    if status == "open" and kind in NOT_OFFERED:
        paused = kind
    return Item(
        id=issue["id"],
        title=title,
        description="\n\n".join(filter(None, parts)),
        priority=PRIORITIES[priority_of(issue) or 0],
        labels=list(dict.fromkeys(filter(None, labels))),
        kind=kind,
        done=status == "closed",
        created_at=created_at,
        closed_at=_moment(issue, "closed_at", parsed) if status == "closed" else None,
        not_before=deferred if status != "closed" else None,
        external_ref=(issue.get("external_ref") or "").strip(),
        comments=source_comments.new_comments(
            issue, lambda comment: _moment(comment, "created_at", parsed, of=" of comments")
        ),
        pause=""
        if paused in ("open", "closed") or (paused == "deferred" and deferred)
        else _why(paused, issue),
        pause_class=paused,
        holds=status != "pinned",
    )


def _why(status: str, issue: dict[str, Any]) -> str:
    assignee = issue.get("assignee")
    return f"beads: {status}" + (
        f", {assignee.strip()[:ASSIGNEE]}" if isinstance(assignee, str) and assignee.strip() else ""
    )


def no_work(issue: dict[str, Any]) -> str:
    """The type of a row that is not work; empty for an issue."""
    if "_schema" in issue:
        return "schema"
    if (row := issue.get("_type", "issue")) != "issue":
        return kept_text(row[:40]) if isinstance(row, str) else "unknown"
    kind = issue.get("issue_type")
    if isinstance(kind, str) and kind.strip().lower() in EXCLUDED_TYPES:
        return kind.strip().lower()
    return (
        "template"
        if issue.get("is_template") is True
        else "ephemeral"
        if issue.get("ephemeral") is True
        else ""
    )


def status_of(issue: dict[str, Any]) -> str:
    """The status as beads spells it: `In Progress` is in_progress."""
    status = issue.get("status")
    return "_".join(status.lower().replace("-", " ").split()) or "open" if isinstance(status, str) else "open"


def priority_of(issue: dict[str, Any]) -> int | None:
    """The priority, 0 to 4, also from `P1`, `"1"`, `1.0` and `high`; None if it is not valid."""
    priority = issue.get("priority")
    if priority is None:
        return 2
    if isinstance(priority, str):
        word = priority.strip().lower()
        priority = PRIORITY_NAMES.get(
            word, int(word.removeprefix("p")) if word.removeprefix("p") in {*"01234"} else -1
        )
    if (
        isinstance(priority, bool)
        or not isinstance(priority, int | float)
        or priority not in range(len(PRIORITIES))
    ):
        return None
    return int(priority)


def _edges(issue: dict[str, Any]) -> Iterator[Relation]:
    """The relations of a row without faults."""
    for edge in issue.get("dependencies") or ():
        kind = edge["type"]
        if kind == KINDS.children and _any_child(edge):
            kind = KINDS.any_child
        yield Relation(kind, issue["id"], edge["depends_on_id"])


def _usable_id(issue: dict[str, Any]) -> str:
    """The id of a row that is not work; empty if it is not a valid id."""
    name = issue.get("id")
    return "" if any(wrong_text("id", name, LONGEST["id"], must=True)) else str(name)


def _usable_edges(issue: dict[str, Any]) -> tuple[list[Relation], int]:
    """The relations of a row that is not work, which may hold anything, and how many of its edges are not
    valid.
    """
    edges = issue.get("dependencies") or []
    if not isinstance(edges, list):
        return [], 1
    usable = [edge for edge in edges if not any(_wrong_edge("", edge, issue["id"]))]
    return list(_edges({**issue, "dependencies": usable})), len(edges) - len(usable)


def _count_edges(issue: dict[str, Any]) -> int:
    edges = issue.get("dependencies")
    return len(edges) if isinstance(edges, list) else 0


def _any_child(edge: dict[str, Any]) -> bool:
    meta = edge.get("metadata")
    with suppress(ValueError, RecursionError):
        meta = json.loads(meta) if isinstance(meta, str) else meta
    return isinstance(meta, dict) and meta.get("gate") == "any-children"


def _adopt_by_id(parsed: ParsedBacklog) -> None:
    """Make `P.1` a child of `P`, unless the file names another parent."""
    adopted = {relation.from_id for relation in parsed.relations if relation.kind == KINDS.parents}
    for name in parsed.items:
        parent, dot, number = name.rpartition(".")
        if parent and dot and number.isdecimal() and name not in adopted:
            relation = Relation(KINDS.parents, name, parent)
            parsed.relations[relation] = None
            parsed.implied.add(relation)


def _defer(parsed: ParsedBacklog, deferred_until: dict[str, datetime]) -> None:
    """A deferred parent defers its children, but not their children."""
    for kind, first, second in parsed.relations:
        if kind == KINDS.parents and second in deferred_until and not (item := parsed.items[first]).done:
            parsed.items[first] = replace(
                item, not_before=max(deferred_until[second], item.not_before or deferred_until[second])
            )


def _moment(
    issue: dict[str, Any], field: str, parsed: ParsedBacklog | None, *, of: str = "", future: bool = False
) -> datetime | None:
    """A time with its zone, in the past or, with `future`, in the future. Other values are counted and left
    out.
    """
    text = issue.get(field)
    if text in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if (
        moment is None
        or not moment.tzinfo
        or not field_limits.FIRST_YEAR <= moment.year <= field_limits.LAST_YEAR
        or (not future and moment > datetime.now(UTC))
    ):
        if parsed:
            parsed.bad_times[field + of] += 1
        return None
    return moment if not future or moment > datetime.now(UTC) else None
