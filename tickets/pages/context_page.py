"""The page of a ticket's context: what the next claim gets, what each phase knows, and the form for notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count

from agents.models import rights
from omoi_site import field_limits
from omoi_site.errors import OmoiError
from tickets.models import ContextNote, PhaseContext, Ticket
from tickets.models.context.content import KINDS, LISTS, TEXT
from tickets.pages.previews.diff import Line, compared, shortened

ORDER = ("target_phase", "summary", "phases", "current", "omitted", "fault", "tokens", "budget")
SHOWN = 20  # items of each list, unless one phase alone is shown
WITHDRAWN = 100  # the newest of the ticket
WHAT = {
    "outputs": ("output", "outputs"),
    "tasks": ("task", "tasks"),
    "artifacts": ("artifact", "artifacts"),
    "notes": ("note", "notes"),
    "risks": ("risk", "risks"),
    "decisions": ("decision", "decisions"),
    "summary": ("summary", "summaries"),
    "results": ("long result", "long results"),
}


@dataclass(frozen=True)
class Item:
    """A decision, risk or note of a phase. note: the row, which can be withdrawn."""

    kind: str
    text: str
    by: str
    task: str = ""
    note: ContextNote | None = None


@dataclass
class PhaseView:
    """What is known of one phase."""

    name: str
    here: bool
    version: PhaseContext | None
    versions: int
    notes: list[ContextNote]
    most: int

    @property
    def content(self) -> dict[str, Any]:
        return self.version.content if self.version else {}

    @cached_property
    def all_items(self) -> list[Item]:
        """Decisions, then risks, then notes: those that tasks reported, then those that were added."""
        found = []
        for kind, name in KINDS.items():
            reported = [item for item in self.content.get(name, ()) if item["from"] == "task"]
            found += [Item(kind, item["text"], item["by"], item.get("task", "")) for item in reported]
            found += [
                Item(kind, note.text, note.by, str(note.task_id or ""), note)
                for note in self.notes
                if note.kind == kind and not note.withdrawn_at
            ]
        return found

    @property
    def items(self) -> list[Item]:
        return self.all_items[: self.most]

    @property
    def tasks(self) -> list[dict[str, Any]]:
        return self.content.get("tasks", [])[-self.most :]

    @property
    def artifacts(self) -> list[dict[str, Any]]:
        return self.content.get("artifacts", [])[: self.most]

    @property
    def withdrawn(self) -> list[ContextNote]:
        return [note for note in self.notes if note.withdrawn_at]

    @property
    def more(self) -> int:
        """How many items the page does not show."""
        lists = (self.all_items, self.content.get("tasks", ()), self.content.get("artifacts", ()))
        return sum(max(0, len(items) - self.most) for items in lists)

    @property
    def left_out(self) -> str:
        return in_words(self.content.get("omitted", ()))

    @property
    def empty(self) -> bool:
        return not (self.all_items or self.content.get("tasks") or self.content.get("artifacts"))


class ContextPage:
    """query: `phase` shows that phase alone, whole. typed: what a refused form had."""

    def __init__(
        self,
        ticket: Ticket,
        person: Any,
        query: Mapping[str, str],
        refused: OmoiError | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> None:
        self.ticket = ticket
        self.person = person
        self.refused = refused
        self.typed = typed or {}
        chosen = query.get("phase", "")
        self.chosen = chosen if chosen in ticket.plan else ""

    @cached_property
    def target(self) -> str:
        return self.ticket.plan.works_in(self.ticket.effective_phase)

    @property
    def brief(self) -> dict[str, Any]:
        return self.ticket.context

    @cached_property
    def brief_text(self) -> str:
        """What a claim gets, as JSON with the phases in their order."""
        brief = {name: self.brief[name] for name in ORDER if name in self.brief}
        if phases := brief.get("phases"):
            brief["phases"] = {
                phase.name: phases[phase.name] for phase in self.ticket.plan.phases if phase.name in phases
            }
        return json.dumps(brief, indent=2, ensure_ascii=False)

    @property
    def handed_over(self) -> list[str]:
        phases = self.brief.get("phases", {})
        return [phase.name for phase in self.ticket.plan.phases if phase.name in phases]

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """By phase, what had no room in the brief."""
        found: dict[str, list[dict[str, Any]]] = {}
        for item in self.brief.get("omitted", ()):
            found.setdefault(item["phase"], []).append(item)
        return [(phase, in_words(items)) for phase, items in found.items()]

    @cached_property
    def phases(self) -> list[PhaseView]:
        """The phases of which something is known, the newest first, or the one that was chosen."""
        rows = PhaseContext.objects.filter(ticket=self.ticket).values("phase").annotate(count=Count("pk"))
        counts = {row["phase"]: row["count"] for row in rows.order_by()}
        versions = {version.phase: version for version in PhaseContext.objects.of_phases(self.ticket)}
        of_ticket = ContextNote.objects.filter(ticket=self.ticket)
        withdrawn = of_ticket.filter(withdrawn_at__isnull=False).order_by("-withdrawn_at", "-pk")[:WITHDRAWN]
        notes: dict[str, list[ContextNote]] = {}
        for note in [*of_ticket.standing().order_by("pk"), *withdrawn]:
            notes.setdefault(note.phase, []).append(note)
        views = [
            PhaseView(
                phase.name,
                phase.name == self.target,
                versions.get(phase.name),
                counts.get(phase.name, 0),
                notes.get(phase.name, []),
                10_000 if self.chosen else SHOWN,
            )
            for phase in self.ticket.plan.phases
            if phase.name == self.chosen or not self.chosen
        ]
        known = [view for view in views if view.version or view.notes or self.chosen]
        return known[::-1]

    @cached_property
    def may_write(self) -> bool:
        return "tickets:write" in rights.scopes(self.person, self.ticket.project)

    @property
    def choices(self) -> list[tuple[str, bool]]:
        """Each phase for the form, and whether it is chosen."""
        chosen = self.typed.get("phase") or self.chosen or self.target
        return [(phase.name, phase.name == chosen) for phase in self.ticket.plan.phases if not phase.terminal]

    @property
    def kinds(self) -> list[tuple[str, str, bool]]:
        chosen = self.typed.get("kind", "decision")
        return [(kind.value, kind.label, kind.value == chosen) for kind in ContextNote.Kind]

    @property
    def most(self) -> int:
        return TEXT


class ContextComparison:
    """What differs between two versions of a phase."""

    def __init__(self, old: PhaseContext, new: PhaseContext, versions: list[PhaseContext]) -> None:
        self.old = old
        self.new = new
        self.versions = versions
        self.lines: list[Line] = [] if old.hash == new.hash else shortened(compared(_lines(old), _lines(new)))

    @property
    def added(self) -> int:
        return sum(line.mark == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.mark == "-" for line in self.lines)


def in_words(items: Any) -> str:
    """`2 outputs, 1 task`."""
    words = []
    for item in items:
        one, several = WHAT.get(item["what"], (item["what"], item["what"]))
        words.append(f"{item['count']} {one if item['count'] == 1 else several}")
    return ", ".join(words)


def _lines(version: PhaseContext) -> list[str]:
    order = ("summary", *LISTS, "tasks", "artifacts", "omitted")
    content = {name: version.content[name] for name in order if name in version.content}
    return field_limits.visible(json.dumps(content, indent=2, ensure_ascii=False)).split("\n")
