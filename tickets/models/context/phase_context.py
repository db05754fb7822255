"""PhaseContext: what was done and noted in a phase of a ticket, as it was when the ticket left it.

Each time that changes, a new version follows; a version never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from agents.models import Actor, label, via
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from tickets.models.context import content
from tickets.models.context.brief import Brief, brief_of
from tickets.models.context.fit import size_of
from tickets.models.ticket.fields import TicketFields
from tickets.workflows.document import Plan

COLLECT = sql.statement(__file__, "collect")
CHUNK = 20  # tickets whose contents are in memory at once


@dataclass(frozen=True)
class Handover:
    """A ticket that hands over: it is in `phase`, or for a blocked or cancelled one was there, after `move`
    moves, and has `left` these phases now.
    """

    ticket: int
    plan: Plan
    phase: str
    move: int
    left: frozenset[str] = frozenset()

    @property
    def target(self) -> str:
        """The phase in which work can be claimed now."""
        return self.plan.works_in(self.phase)

    @property
    def before(self) -> tuple[str, ...]:
        """The phases before that, in order."""
        return self.plan.up_to(self.target)[:-1]


class PhaseContextQuerySet(models.QuerySet["PhaseContext"]):
    def newest(self) -> PhaseContextQuerySet:
        """The newest version of each phase."""
        return self.order_by("ticket_id", "phase", "-number").distinct("ticket_id", "phase")

    def of_phases(self, ticket: TicketFields) -> list[PhaseContext]:
        """The newest version of each phase of the ticket's workflow, in its order."""
        found = {version.phase: version for version in self.filter(ticket_id=ticket.pk).newest()}
        return [found[phase.name] for phase in ticket.plan.phases if phase.name in found]

    def hand_over(self, handovers: Sequence[Handover], *, why: str, by: Actor) -> dict[int, Brief]:
        """Keep a new version of each phase that was left, or that lies before the work, if its content has
        changed. Returns the brief of each ticket. The tickets must be locked.
        """
        briefs: dict[int, Brief] = {}
        for start in range(0, len(handovers), CHUNK):
            briefs |= self._hand_over(handovers[start : start + CHUNK], why=why, by=by)
        return briefs

    def _hand_over(self, handovers: Sequence[Handover], *, why: str, by: Actor) -> dict[int, Brief]:
        moves = {handover.ticket: handover.move for handover in handovers}
        contents: dict[tuple[int, str], content.Content] = {}
        notes: dict[int, dict[str, list[dict[str, Any]]]] = {}
        new = []
        for row in _collected(handovers):
            if not row["whole"]:
                notes[row["ticket_id"]] = content.notes_of(row)
                continue
            made = content.content_of(row)
            contents[row["ticket_id"], row["phase"]] = made
            digest = content.hash_of(made)
            if row["hash"] == digest or (row["hash"] is None and content.empty(made)):
                continue
            new.append(
                self.model(
                    ticket_id=row["ticket_id"],
                    phase=row["phase"],
                    number=(row["number"] or 0) + 1,
                    content=made,
                    hash=digest,
                    size=size_of(made),
                    why=why,
                    move=moves[row["ticket_id"]],
                    by=label(by),
                    key=via(by),
                )
            )
        if new:
            self.bulk_create(new)
        return {
            handover.ticket: brief_of(
                handover.target,
                {phase: contents[handover.ticket, phase] for phase in handover.before},
                notes[handover.ticket],
            )
            for handover in handovers
        }


def _collected(handovers: Sequence[Handover]) -> list[dict[str, Any]]:
    """The rows of collect.sql: for each ticket the phases before its work and those it has left, and the
    notes of the phase where its work is.
    """
    wanted = [
        (handover.ticket, phase, True)
        for handover in handovers
        for phase in sorted({*handover.before, *handover.left})
    ]
    wanted += [(handover.ticket, handover.target, False) for handover in handovers]
    tickets, phases, whole = zip(*wanted, strict=True)
    return sql.rows(
        COLLECT,
        {
            "tickets": list(tickets),
            "phases": list(phases),
            "whole": list(whole),
            "tasks": content.TASKS,
            "artifacts": content.ARTIFACTS,
            "stored": content.STORED,
            "read": content.READ,
            "outputs": content.OUTPUTS,
            "text": 2 * content.TEXT,
        },
    )


class PhaseContext(models.Model):
    application_privileges = INSERT_ONLY

    class Why(models.TextChoices):
        MOVED = "moved", "the ticket left the phase"
        NOTED = "noted", "a note was added"
        WITHDRAWN = "withdrawn", "a note was withdrawn"
        FOLLOWED = "followed", "the ticket follows another version of its workflow"

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="contexts", db_index=False)
    phase = models.CharField(max_length=60)
    number = models.PositiveIntegerField(help_text="1 for the first version of a phase")
    content = models.JSONField()
    hash = models.CharField(max_length=64, help_text="SHA-256 of the content, hex")
    size = models.PositiveIntegerField(help_text="bytes of the content")
    why = models.CharField(max_length=10, choices=Why)
    move = models.PositiveIntegerField(help_text="how often the ticket had moved")
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = PhaseContextQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "phase", "number"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "phase", "number"], name="phase_context_number"),
            models.CheckConstraint(condition=models.Q(number__gt=0), name="phase_context_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.phase} v{self.number} of {self.ticket_id}"
