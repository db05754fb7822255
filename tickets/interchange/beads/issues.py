"""One issue of a beads file: what is wrong with it, and the item it becomes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from omoi_site import field_limits
from tickets.interchange.backlog import ParsedBacklog
from tickets.interchange.beads import comments as source_comments
from tickets.interchange.beads import dependencies
from tickets.interchange.storable_text import kept_text, wrong_text
from tickets.models import Item, Priority, Task, Ticket

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
NOT_OFFERED = {"merge-request"}  # issue types that are work, but that beads offers to nobody
TITLE = field_limits.longest(Ticket, "title")
LABEL = Ticket._meta.get_field("labels").base_field.max_length
LONGEST = {
    "id": dependencies.ID,
    "status": LABEL,
    "issue_type": Task._meta.get_field("kind").max_length,
}
LONGEST["external_ref"] = Ticket._meta.get_field("external_ref").max_length


def problems(issue: dict[str, Any]) -> Iterator[str]:
    """Messages that say why an issue cannot be imported; fields that are not imported may hold anything."""
    for name in TEXTS:
        value = issue.get(name)
        if value is None and name not in ("id", "title"):
            continue
        yield from wrong_text(name, value, LONGEST.get(name), must=name == "id")
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
            yield from dependencies.wrong_edge(f"dependency {number}", edge, issue.get("id"))
    else:
        yield "dependencies must be a list"
    yield from source_comments.problems(issue)


def item_of(issue: dict[str, Any], line: str, parsed: ParsedBacklog) -> Item:
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
        moment(issue, "created_at", parsed),
        moment(issue, "defer_until", parsed, future=True),
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
        closed_at=moment(issue, "closed_at", parsed) if status == "closed" else None,
        not_before=deferred if status != "closed" else None,
        external_ref=(issue.get("external_ref") or "").strip(),
        comments=source_comments.new_comments(
            issue, lambda comment: moment(comment, "created_at", parsed, of=" of comments")
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


def moment(
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
