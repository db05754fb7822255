"""The timeline of a ticket: all that happened to it, from the journal, the latest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote

from django.http import Http404
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.errors import short
from omoi_site.humanize import counted
from tickets.models import PhaseMove, Ticket
from tickets.models.ticket.fields import Priority
from tickets.pages.gate_checklist import name_of
from tickets.pages.timeline_kinds import GROUPS, LINES, MOVE_TONES, Line, kinds_of, value
from tickets.templatetags.addresses import ticket_address

LATEST, PAGE = 12, 100  # entries shown at first, and of a whole page
EXAMINED = 5_000  # events looked at for one page, however few of them are of the wanted kinds
FOLDED = 300  # characters of a reason that are shown without opening it
MOST_NOTES = 6  # checks that do not pass, by name
MOMENTS = ("not_before", "deadline")
NAME = re.compile(r"\{(\w+)\}")
CURSOR = re.compile(r"(\d{1,20})\.(\d{1,18})", re.ASCII)
EARLIER = "AND (e.xid, e.id) < (%(xid)s::text::xid8, %(id)s::bigint)"


def statement(limit: int, before: str) -> str:
    """SQL: so many entries, and one more if there are more."""
    return sql.statement(__file__, "timeline", before=before, limit=str(limit + 1), examined=str(EXAMINED))


STATEMENTS = {
    (whole, later): statement(PAGE if whole else LATEST, EARLIER if later else "")
    for whole in (True, False)
    for later in (True, False)
}


class Row(NamedTuple):
    """xid: the transaction. title: that of the task. artifact: its id. checks: the answers of the verdict.
    discovery: its title.
    """

    id: int
    xid: str
    at: datetime
    subject: str
    kind: str
    actor: str
    reason: str
    data: Mapping[str, Any]
    title: str | None
    artifact: int | None
    checks: Sequence[Mapping[str, Any]] | None
    discovery: str | None


@dataclass(frozen=True)
class Entry:
    """One line. move: the row of the history, if the event is a move."""

    ticket: Ticket
    row: Row
    move: PhaseMove | None = None

    @property
    def line(self) -> Line:
        return LINES[self.row.kind]

    @property
    def tone(self) -> str:
        if self.row.kind == "ticket.moved":
            return MOVE_TONES.get(str(self.row.data.get("ground")), self.line.tone)
        if self.row.kind == "gate.judged":
            return "ok" if self.row.data.get("passed") else "bad"
        return self.line.tone

    @property
    def forced(self) -> bool:
        return self.move is not None and self.move.ground == PhaseMove.Ground.FORCED

    @property
    def past_limit(self) -> bool:
        return self.move is not None and self.move.past_limit

    @property
    def imported(self) -> bool:
        return self.move is not None and self.move.ground == PhaseMove.Ground.IMPORTED

    @property
    def sentence(self) -> SafeString:
        """How it goes on after who did it, with links to what it is about."""
        words = self.line.words
        text = words if isinstance(words, str) else words(self.row.data)
        parts = NAME.split(text)  # plain text and names in turn
        parts[1::2] = [self._filled(name) for name in parts[1::2]]
        return mark_safe("".join(map(conditional_escape, parts)))

    def _filled(self, name: str) -> str:
        link = LINKS.get(name)
        return link(self) if link else value(name, self.row.data)

    @property
    def notes(self) -> list[str]:
        """What else there is to say, in a few words each."""
        found = [self.row.reason] if self.row.reason and not self.long else []
        if self.move and self.move.ground == PhaseMove.Ground.VERDICT and self.move.verdict_id:
            found.append(f"{self.move.checks} of {self.move.checks} checks")  # type: ignore[attr-defined]
        found += [name_of(dict(check)) for check in self.row.checks or () if not check["passed"]][:MOST_NOTES]
        return found

    @property
    def long(self) -> bool:
        """Whether the reason is folded."""
        return len(self.row.reason) > FOLDED

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """Each field that changed, with its former and its new value."""
        data = self.row.data
        before, after = data.get("before"), data.get("after")
        if not (isinstance(before, dict) and isinstance(after, dict)):
            return []
        return [
            (
                name.replace("_", " "),
                in_words(name, before.get(name), self.row.at),
                in_words(name, after[name], self.row.at),
            )
            for name in after
        ]


class Filter(NamedTuple):
    """One group to choose. kinds: the address's `kinds` that choose it, or take it away."""

    name: str
    label: str
    chosen: bool
    kinds: str


class Timeline:
    """`query`: kinds=<groups, with commas>, timeline=all (whole pages), before=<cursor>. `moves`: the rows of
    the ticket's history.
    """

    def __init__(self, ticket: Ticket, moves: Sequence[PhaseMove], query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.moves = moves
        self.query = query

    @cached_property
    def groups(self) -> set[str]:
        """The chosen groups; none for all but the quiet ones."""
        return GROUPS.keys() & set(self.query.get("kinds", "").split(","))

    @property
    def filters(self) -> list[Filter]:
        return [
            Filter(name, label, name in self.groups, ",".join(sorted(self.groups ^ {name})))
            for name, label in GROUPS.items()
        ]

    @property
    def whole(self) -> bool:
        """Whether a whole page is shown, not only the latest entries."""
        return "timeline" in self.query or bool(self.before)

    @cached_property
    def before(self) -> tuple[str, int] | None:
        """After which event this page begins; None: at the latest. Raises Http404 for what is no cursor."""
        if not (text := self.query.get("before", "")):
            return None
        found = CURSOR.fullmatch(text)
        if not found or int(found[1]) >= 2**64:
            raise Http404("There is no such place in the timeline.")
        return found[1], int(found[2])

    @cached_property
    def _rows(self) -> list[Row]:
        params = {"topic": self.ticket.topic, "ticket": self.ticket.pk, "kinds": kinds_of(self.groups)}
        if self.before:
            params |= {"xid": self.before[0], "id": self.before[1]}
        found = sql.rows(STATEMENTS[self.whole, bool(self.before)], params)
        return [Row(**{name: row[name] for name in Row._fields}) for row in found]

    @cached_property
    def entries(self) -> list[Entry]:
        """In the order of time. Long transactions may have been journaled a little out of it."""
        moves = {(str(move.xid), move.to_phase): move for move in self.moves}
        rows = [row for row in self._rows if row.kind][: self.most]
        return [
            Entry(self.ticket, row, self._move(row, moves))
            for row in sorted(rows, key=lambda row: (row.at, row.id), reverse=True)
        ]

    def _move(self, row: Row, moves: Mapping[tuple[str, str], PhaseMove]) -> PhaseMove | None:
        if row.kind == "ticket.opened":
            return self.moves[0] if self.moves else None
        return moves.get((row.xid, str(row.data.get("to")))) if row.kind == "ticket.moved" else None

    @property
    def most(self) -> int:
        return PAGE if self.whole else LATEST

    @property
    def older(self) -> str:
        """The cursor of the next page; empty if there is none."""
        last = self._rows[self.most - 1] if len(self._rows) > self.most else None
        last = last or next((row for row in self._rows if not row.kind), None)
        return f"{last.xid}.{last.id}" if last else ""


# -- what an entry is about, with a link


def link(address: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def task_link(entry: Entry) -> SafeString:
    number, key = entry.row.subject.partition(":")[2], entry.ticket.key
    title = entry.row.title or entry.row.data.get("title") or ""
    address = f"{ticket_address(key)}?task={number}#task-{number}"
    return format_html('<a href="{}"><span class="key">{}.{}</span> {}</a>', address, key, number, title)


def artifact_link(entry: Entry) -> str:
    name = value("name", entry.row.data)
    if entry.row.artifact is None:
        return name
    return link(reverse("artifact", args=[entry.ticket.key, entry.row.artifact]), name)


def section_link(section: str) -> Callable[[Entry], str]:
    """A part of the ticket's page that is about its present phase: an earlier phase has no link."""

    def of(entry: Entry) -> str:
        phase = value("phase", entry.row.data)
        return link(section, phase) if entry.row.data.get("phase") == entry.ticket.phase else phase

    return of


def ticket_link(name: str) -> Callable[[Entry], str]:
    def of(entry: Entry) -> str:
        key = value(name, entry.row.data)
        return link(ticket_address(key), key) if key else ""

    return of


def context_link(entry: Entry) -> str:
    phase = str(entry.row.data.get("phase", ""))
    address = f"{reverse('context', args=[entry.ticket.key])}?phase={quote(phase)}"
    return link(address, value("phase", entry.row.data))


LINKS: dict[str, Callable[[Entry], str]] = {
    "approvals": section_link("#approvals"),
    "artifact": artifact_link,
    "context": context_link,
    "discovery": lambda entry: link(
        f"#discovery-{value('discovery', entry.row.data)}", entry.row.discovery or "a discovery"
    ),
    "comments": lambda entry: link(
        "#comments-title", counted(int(entry.row.data.get("comments") or 0), "comment")
    ),
    "criterion": lambda entry: link("#acceptance", f"criterion {value('number', entry.row.data)}"),
    "followed": ticket_link("follow_up"),
    "gate": section_link("#gate"),
    "task": task_link,
    "ticket": ticket_link("ticket"),
}


def in_words(name: str, found: Any, at: datetime) -> str:
    """A value of a field, short enough for a line; a moment is told from the moment of the change."""
    if name == "priority" and isinstance(found, int):
        return Priority(found).name.lower()
    if name in MOMENTS and isinstance(found, str):
        return humanize.relative(datetime.fromisoformat(found), at)
    if found in (None, "", []):
        return "nothing"
    values = found if isinstance(found, list) else [found]
    texts = [str(each.get("text", each)) if isinstance(each, dict) else str(each) for each in values]
    return short(", ".join(texts), FOLDED)
