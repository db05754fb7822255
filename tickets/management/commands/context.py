"""`manage.py context show OMO-142`, `versions`, `compare`, `add`, `notes`, `withdraw`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base, field_limits, humanize
from omoi_site.command_base import BY, Document
from omoi_site.errors import NotFound
from tickets.management.lookups import the_ticket
from tickets.models import ContextNote, PhaseContext, Ticket
from tickets.models.context.content import KINDS
from tickets.models.ticket.fields import named
from tickets.pages.context_page import ContextComparison, in_words

VERSION = ("phase", "number", "hash", "size", "why", "move", "by", "at")
NOTE = ("phase", "kind", "text", "by", "at", "withdrawn_at", "withdrawn_by", "withdrawn_reason")


class Command(command_base.Command):
    help = "Show what the phases of a ticket hand over, add decisions, risks and notes, and withdraw them."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        verb = add("show", act=self.show_brief, show=self.shown, help="what a claim gets now")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("--phase", default="", help="instead, what this phase knows")
        verb.add_argument("--version", type=int, help="this version of the phase; without it, the newest")

        verb = add("versions", act=self.versions, show=self.show_versions, help="the versions of each phase")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("--phase", default="", help="of this phase only")

        verb = add("compare", act=self.compare, show=self.compared, help="what differs between two versions")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("phase", metavar="PHASE")
        verb.add_argument("old", metavar="OLD", type=int)
        verb.add_argument("new", metavar="NEW", type=int)

        verb = add("add", act=self.add, show=self.show_notes, help="add decisions, risks and notes")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("--phase", default="", help="of this phase; without it, where work is now")
        for kind in ContextNote.Kind.values:
            verb.add_argument(f"--{kind}", action="append", default=[], metavar="TEXT")

        verb = add(
            "notes", act=self.notes, show=self.show_notes, help="what was added, also what is withdrawn"
        )
        verb.add_argument("ticket", metavar="KEY")

        verb = add("withdraw", act=self.withdraw, show=self.show_notes, help="let a note no longer hold")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("note", metavar="ID", type=int, help="as `notes` shows it")
        verb.add_argument("--reason", default="", metavar="TEXT")

    def show_brief(self, *, ticket: str, phase: str, version: int | None, **_: Any) -> Document:
        found = the_ticket(ticket)
        if phase or version:
            return {"ticket": found.key, **version_document(the_version(found, phase, version), whole=True)}
        target = found.plan.works_in(found.effective_phase)
        return {
            "ticket": found.key,
            "target_phase": target,
            "context": found.context,
            "summary": found.summary,
        }

    def shown(self, document: Document) -> None:
        if "content" in document:
            content = document["content"]
            self.stdout.write(
                f"{humanize.phase(document['phase'])} of {document['ticket']}, {_version(document)}"
            )
            self.stdout.write(field_limits.visible(json.dumps(content, indent=2, ensure_ascii=False)))
            return
        brief, target = document["context"], humanize.phase(document["target_phase"])
        if not brief:
            self.stdout.write(f"{document['ticket']} hands nothing over to {target} yet.")
            return
        self.stdout.write(
            f"A claim of {document['ticket']} in {target} gets about {brief['tokens']} of"
            f" {brief['budget']} tokens:"
        )
        self.stdout.write(field_limits.visible(brief["summary"]))
        for kind, name in KINDS.items():
            for item in brief.get("current", {}).get(name, ()):
                line = f"- {document['target_phase']} {kind}: {item['text']}"
                self.stdout.write(field_limits.visible(line))
        for item in brief["omitted"]:
            self.stdout.write(f"Without {in_words([item])} of {humanize.phase(item['phase'])}: no room.")
        if "fault" in brief:
            self.stdout.write(field_limits.visible(brief["fault"]))

    def versions(self, *, ticket: str, phase: str, **_: Any) -> Document:
        found = the_ticket(ticket)
        rows = PhaseContext.objects.filter(ticket=found).defer("content").order_by("pk")
        rows = rows.filter(phase=named(phase)) if phase else rows
        return {"ticket": found.key, "versions": [version_document(row) for row in rows]}

    def show_versions(self, document: Document) -> None:
        for row in document["versions"]:
            self.stdout.write(f"{humanize.phase(row['phase'])} {_version(row)}")
        if not document["versions"]:
            self.stdout.write(f"{document['ticket']} has kept nothing of its phases yet.")

    def compare(self, *, ticket: str, phase: str, old: int, new: int, **_: Any) -> Document:
        found = the_ticket(ticket)
        both = [the_version(found, phase, number) for number in (old, new)]
        comparison = ContextComparison(both[0], both[1], both)
        lines = [f"{line.mark} {line.text}" for line in comparison.lines]
        return {"ticket": found.key, "old": old, "new": new, "lines": lines}

    def compared(self, document: Document) -> None:
        self.stdout.write("\n".join(document["lines"]) or "Nothing differs between the two.")

    def add(self, *, ticket: str, phase: str, **texts: Any) -> Document:
        found = the_ticket(ticket)
        new = {kind: texts[kind] for kind in ContextNote.Kind.values}
        return notes_document(found, ContextNote.objects.add(found, phase, new, by=BY))

    def notes(self, *, ticket: str, **_: Any) -> Document:
        found = the_ticket(ticket)
        return notes_document(found, list(found.context_notes.order_by("pk")))

    def withdraw(self, *, ticket: str, note: int, reason: str, **_: Any) -> Document:
        found = the_ticket(ticket)
        return notes_document(found, [ContextNote.objects.withdraw(found, note, by=BY, reason=reason)])

    def show_notes(self, document: Document) -> None:
        for note in document["notes"]:
            state = f" (withdrawn by {note['withdrawn_by']})" if note["withdrawn_at"] else ""
            text = field_limits.visible(note["text"])
            self.stdout.write(
                f"{note['id']} {humanize.phase(note['phase'])} {note['kind']}: {text} ({note['by']}){state}"
            )
        if not document["notes"]:
            self.stdout.write(f"Nothing was added to {document['ticket']} yet.")


def the_version(ticket: Ticket, phase: str, number: int | None) -> PhaseContext:
    rows = PhaseContext.objects.filter(ticket=ticket, phase=named(phase) or ticket.effective_phase)
    found = (rows.filter(number=number) if number else rows).order_by("-number").first()
    if found is None:
        which = f"version {number}" if number else "version yet"
        raise NotFound(
            f"{phase or 'this phase'} of {ticket.key} has no {which}",
            next_action=f"See `manage.py context versions {ticket.key}`.",
        )
    return found


def version_document(row: PhaseContext, *, whole: bool = False) -> Document:
    fields = {name: getattr(row, name) for name in VERSION}
    return {**fields, "content": row.content} if whole else fields


def notes_document(ticket: Ticket, notes: list[ContextNote]) -> Document:
    return {
        "ticket": ticket.key,
        "notes": [{"id": str(note.pk), **{name: getattr(note, name) for name in NOTE}} for note in notes],
    }


def _version(row: Document) -> str:
    return (
        f"v{row['number']}: {PhaseContext.Why(row['why']).label}, {row['at']:%Y-%m-%d %H:%M} by {row['by']}"
    )
