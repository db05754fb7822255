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

from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from omoi_site import field_limits
from omoi_site.errors import Malformed
from tickets.interchange.backlog import ParsedBacklog
from tickets.interchange.beads import dependencies, excluded_rows, issues
from tickets.interchange.beads.blank_texts import replace_blank_texts
from tickets.interchange.json_lines import Faults, objects
from tickets.models import Comment, Relation, Ticket

# issues in one file, because all are written in one transaction; ten times as many dependencies and comments
MOST = 20_000
SPLIT = "split the file; nothing is imported twice, and relations between the parts are kept"


def read(file: BinaryIO) -> ParsedBacklog:
    """The issues of a beads file and their relations. Raises Malformed, Invalid or TooLarge, which name the
    line.
    """
    faults = Faults()
    lines: dict[str, str] = {}
    parsed = ParsedBacklog("beads", dependencies.KINDS)
    comments = 0
    open_excluded: dict[str, str] = {}  # open rows that are not work, by id
    over: set[str] = set()  # closed ones
    edges: list[Relation] = []  # of both
    unusable = others = 0  # their edges that cannot be kept, and the number of such rows
    deferred_until: dict[str, datetime] = {}  # when deferred issues become due

    def refuse_too_many(line: str) -> None:
        edge_count = len(parsed.relations) + len(edges) + unusable
        for what, count in (("dependencies", edge_count), ("comments", comments)):
            if count > 10 * MOST:
                faults.add(line, f"more than {10 * MOST} {what}: {SPLIT}")
                faults.check()

    for line, issue in objects(file, faults, "a beads export"):
        if kind := issues.no_work(issue):
            others += 1
            if len(lines) + others > MOST:
                faults.add(line, f"more than {MOST} issues and other rows: {SPLIT}")
                break
            parsed.no_work[kind] += 1
            name = dependencies.usable_id(issue)
            own, bad = dependencies.usable_relations(issue) if name else ([], dependencies.count_edges(issue))
            unusable += bad
            if name:
                parsed.excluded.add(name)
                if issues.status_of(issue) not in ("closed", "pinned", *issues.DELETED):
                    open_excluded[name] = kind
                if issues.status_of(issue) not in issues.DELETED:
                    edges += own
                if issues.status_of(issue) == "closed":
                    over.add(name)
                if until := issues.moment(issue, "defer_until", None, future=True):
                    deferred_until[name] = until
            refuse_too_many(line)
            continue
        if wrong := list(issues.problems(issue)):
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
        if issues.status_of(issue) not in issues.DELETED and not issue.get("deleted_at"):
            issue = replace_blank_texts(issue, line, parsed.warnings)
            item = parsed.items[name] = issues.item_of(issue, line, parsed)
            for field, message in field_limits.faults(Ticket, vars(item)):
                faults.add(line, f"its {field}: {message}")
            for number, comment in enumerate(item.comments, 1):
                for field, message in field_limits.faults(Comment, vars(comment)):
                    faults.add(line, f"comment {number}: its {field}: {message}")
            parsed.relations |= dict.fromkeys(dependencies.relations(issue))
            if until := issues.moment(issue, "defer_until", None, future=True):
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


def _adopt_by_id(parsed: ParsedBacklog) -> None:
    """Make `P.1` a child of `P`, unless the file names another parent."""
    adopted = {
        relation.from_id for relation in parsed.relations if relation.kind == dependencies.KINDS.parents
    }
    for name in parsed.items:
        parent, dot, number = name.rpartition(".")
        if parent and dot and number.isdecimal() and name not in adopted:
            relation = Relation(dependencies.KINDS.parents, name, parent)
            parsed.relations[relation] = None
            parsed.implied.add(relation)


def _defer(parsed: ParsedBacklog, deferred_until: dict[str, datetime]) -> None:
    """A deferred parent defers its children, but not their children."""
    for kind, first, second in parsed.relations:
        if (
            kind == dependencies.KINDS.parents
            and second in deferred_until
            and not (item := parsed.items[first]).done
        ):
            parsed.items[first] = replace(
                item, not_before=max(deferred_until[second], item.not_before or deferred_until[second])
            )
