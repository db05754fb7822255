"""The history of a ticket: its moves, refusing verdicts, and the ends of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.shortcuts import get_object_or_404

from agents.models import Event
from omoi_site.database import sql
from tickets.models import PhaseMove, Ticket, Verdict
from tickets.pages.gate_checklist import name_of
from tickets.templatetags.tickets import move_tone

LATEST, EVENTS_A_PAGE = 12, 100  # entries shown at first, task events per page
Ground = PhaseMove.Ground
TASK_EVENTS = {
    "task.claimed": "was claimed",
    "task.completed": "was completed",
    "task.failed": "failed",
    "task.retried": "was retried",
    "task.lapsed": "came back: its lease ended",
    "task.timed_out": "came back: it ran too long",
    "task.released": "was given back",
    "task.revoked": "was taken back",
    "task.cancelled": "was cancelled",
}  # kinds of events shown beside moves and verdicts


def events_statement(limit: int, before: str = "") -> str:
    """SQL: so many events, and one more if there are more."""
    return sql.statement(__file__, "task_events", before=before, limit=str(limit + 1))


EVENTS = {whole: events_statement(EVENTS_A_PAGE if whole else LATEST) for whole in (True, False)}
EARLIER = events_statement(EVENTS_A_PAGE, "AND (e.xid, e.id) < (%(xid)s::text::xid8, %(id)s::bigint)")
VERDICTS = """
SELECT id, phase, passed, checks, "by", at
FROM tickets_verdict
WHERE ticket_id = %s
ORDER BY id DESC
LIMIT 200
"""
CHANGED = "ticket.workflow_changed"
EVENT_TONES = {"task.failed": "bad", "task.completed": "ok", "task.claimed": "running"}


@dataclass(frozen=True)
class HistoryEntry:
    """One line: a move, a refusing verdict, or an event of a task."""

    at: datetime
    by: str
    move: PhaseMove | None = None
    verdict: Verdict | None = None
    event: Event | None = None

    @property
    def happened(self) -> str:
        """What happened to the task, or to the ticket's workflow, in words."""
        if self.event and self.event.kind == CHANGED:
            return f"went on under version {self.event.data['to']} of {self.event.data['workflow']}"
        return TASK_EVENTS[self.event.kind] if self.event else ""

    @property
    def task_number(self) -> str:
        kind, _, number = self.event.subject.partition(":") if self.event else ("", "", "")
        return number if kind == "task" else ""

    @property
    def tone(self) -> str:
        if self.event:
            return EVENT_TONES.get(self.event.kind, "warn")
        if self.move:
            return move_tone(self.move.ground)
        return "ok" if self.verdict and self.verdict.passed else "bad"

    @property
    def forced(self) -> bool:
        return self.move is not None and self.move.ground == Ground.FORCED

    @property
    def imported(self) -> bool:
        return self.move is not None and self.move.ground == Ground.IMPORTED

    @property
    def grounds(self) -> str:
        """Why the move was allowed, in words; empty if that is obvious."""
        if self.move is None or self.move.ground in (
            Ground.BORN,
            Ground.UNGATED,
            Ground.FORCED,
            Ground.IMPORTED,
        ):
            return ""
        if self.move.ground == Ground.VERDICT and self.move.verdict_id:
            checks: int = self.move.checks  # type: ignore[attr-defined]  # read beside its columns
            return f"gate passed {checks}/{checks}"
        return self.move.get_ground_display().lower()

    @property
    def unmet(self) -> list[str]:
        checks = self.verdict.checks if self.verdict else []
        return [name_of(check) for check in checks if not check["passed"]]


class History:
    """`query`: history=all, before=<event>."""

    def __init__(self, ticket: Ticket, moves: Sequence[PhaseMove], query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.moves = moves
        self.query = query

    @cached_property
    def entries(self) -> list[HistoryEntry]:
        """The entries, latest first, down to the last task event on this page."""
        with_a_move = {move.verdict_id for move in self.moves if move.ground == Ground.VERDICT}
        verdicts = Verdict.objects.raw(VERDICTS, [self.ticket.pk])
        entries = [HistoryEntry(move.at, move.by, move=move) for move in self.moves]
        entries += [
            HistoryEntry(verdict.at, verdict.by, verdict=verdict)
            for verdict in verdicts
            if verdict.pk not in with_a_move
        ]
        if self.before:
            entries = [entry for entry in entries if entry.at < self.before.at]
        if self.has_older:
            entries = [entry for entry in entries if entry.at >= self.events[-1].at]
        entries += [HistoryEntry(event.at, event.actor, event=event) for event in self.events]
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    @cached_property
    def before(self) -> Event | None:
        """The event after which this page begins; None: at the latest. Raises Http404 if there is no such
        event.
        """
        if not (text := self.query.get("before", "")):
            return None
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        return get_object_or_404(Event, pk=number, topic=self.ticket.topic)

    @property
    def whole(self) -> bool:
        """Whether a whole page is shown, not only the latest entries."""
        return "history" in self.query

    @cached_property
    def _events(self) -> list[Event]:
        about = {"topic": self.ticket.topic, "kinds": [*TASK_EVENTS, CHANGED]}
        if self.before:
            return list(
                Event.objects.raw(EARLIER, {**about, "xid": str(self.before.xid), "id": self.before.pk})
            )
        return list(Event.objects.raw(EVENTS[self.whole], about))

    @property
    def events(self) -> list[Event]:
        return self._events[:EVENTS_A_PAGE]

    @property
    def has_older(self) -> bool:
        return len(self._events) > EVENTS_A_PAGE

    @property
    def shown(self) -> Sequence[HistoryEntry]:
        return self.entries if self.whole else self.entries[:LATEST]

    @property
    def older(self) -> int | None:
        """The event after which the next page begins; None if there is no next page."""
        return self.events[-1].pk if self.has_older else None
