"""Advancing: moves by whoever asks and moves by themselves.

Both judge a gated phase first, and leave a trace of what was refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, OperationalError, connection, models, transaction

from agents.models import Actor, rights
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import NotFound, OmoiError
from tickets.models.explain.sql_fragments import AUTOMATIC
from tickets.models.explain.ticket_explanation import WaitingTickets
from tickets.models.gate.verdict import GateClosed, Verdict
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.transitions import LEADS_TO, MOVES, Transitions

Row = TypeVar("Row", bound=Transitions)

MOST, MOST_AGAIN = 200, 20  # tickets tried in one go: for the first time, and in vain before

JUDGE = f"tickets:write{rights.EITHER}work"  # the right to have a gate judged

log = logging.getLogger(__name__)


class Moves(WaitingTickets[Row]):
    @sql.atomic
    def judge(self, *, by: Actor, **which: Any) -> Verdict:
        """Judge the gate of the phase the ticket stands in, and keep the verdict, passed or not; a phase
        without gate passes.

        Of several who ask at once the first judges; the others get its verdict where the evidence is still
        the same.
        """
        row = self.filter(**which).annotate(newest=models.Max("verdicts")).values_list("pk", "newest").first()
        if row is None:
            raise NotFound("no such ticket")
        pk, newest = row
        # a snapshot older than a change could judge what is gone: nothing changes the evidence while it is
        # read. Not FOR SHARE: two who judge would both have it, and each wait for the other to write that it
        # was judged
        sql.rows("SELECT id FROM tickets_ticket WHERE id = %s FOR NO KEY UPDATE", [pk])
        # read anew, not refreshed: that takes the protection off the phase of all tickets, in every thread
        ticket = self.select_related("project", "workflow").get(pk=pk)
        rights.require(by, JUDGE, ticket.project)
        newer: Verdict | None = ticket.verdicts.filter(pk__gt=newest or 0).first()
        if newer and not newer.stale_for(ticket):
            return newer
        return Verdict.objects.judge(ticket, by=by)

    def act(self, pk: int, verb: str, *, by: Actor, version: int | None = None, **how: Any) -> Row:
        """Do `verb` to one ticket. A move by its name leads where it usually does, as `move` does it."""
        if verb not in MOVES:
            return super().act(pk, verb, by=by, version=version, **how)
        ticket = self.select_related("workflow").filter(pk=pk).first()
        if ticket is None:
            raise NotFound("no such ticket")
        if to := ticket.usual_destination(verb):
            # as it is now: by another phase it would be another move
            version = ticket.version if version is None else version
            self.move(pk, to, by=by, version=version, **how)
            return self.get(pk=pk)
        with self.record_refusals(pk, LEADS_TO.get(verb, ticket.phase), by=by):
            return super().act(pk, verb, by=by, version=version, **how)

    def move(
        self,
        pk: int,
        to: str,
        *,
        by: Actor,
        reason: str = "",
        force: bool = False,
        version: int | None = None,
        **how: Any,
    ) -> PhaseMove:
        """The move that leads to `to`, and its row of history.

        To leave a gated phase onward it is judged first, in a transaction of its own; `how`: the cause of a
        block.
        """
        reason = field_limits.reason(reason)
        with self.record_refusals(pk, to, by=by):
            before = self.select_related("workflow").get(pk=pk)
            before.expect_movable()
            onward = before.gated and not force and before.is_later(to)
            verdict = self.judge(pk=pk, by=by) if onward else None
            # each by itself again after a deadlock: the verdict is stored by then, and one is enough
            return self._moved(
                pk, to, by=by, version=version, reason=reason, force=force, verdict=verdict, **how
            )

    @sql.atomic
    def _moved(self, pk: int, to: str, *, version: int | None, **how: Any) -> PhaseMove:
        with self.locked(pk=pk) as ticket:
            ticket.expect(version)
            ticket.move_to(to, **how)
            return ticket.history.select_related("verdict").latest("move")

    @contextmanager
    def record_refusals(self, pk: int, to: str, *, by: Actor) -> Iterator[None]:
        """A refusal inside leaves an event: at once, or when whoever holds the transaction around it calls
        `leave_trace`.
        """
        try:
            yield
        except OmoiError as refusal:
            refusal.trace = partial(self.record_refusal, pk, to, refusal, by=by)
            if not connection.in_atomic_block:
                refusal.leave_trace()
            raise

    @sql.atomic
    def record_refusal(self, pk: int, to: str, refusal: OmoiError, *, by: Actor) -> None:
        """The journal's word of a move that was refused, and the verdict that refused it where its
        transaction was undone.
        """
        ticket = self.get(pk=pk)
        if (
            isinstance(refusal, GateClosed)
            and refusal.verdict
            and not Verdict.objects.filter(pk=refusal.verdict.pk).exists()
        ):
            refusal.verdict.save(force_insert=True)
        data = {
            "from": ticket.phase,
            "to": to,
            "code": refusal.code,
            "unmet": [reason["code"] for reason in refusal.more.get("unmet", [])],
        }
        ticket.record("ticket.move_refused", by=by, reason=refusal.message, data=data)

    @contextmanager
    def record_refused_creation(self, project: Any, phase: str, *, by: Actor) -> Iterator[None]:
        """A refusal inside to create tickets past the first phase leaves an event of the project, as
        `record_refusals` does.
        """
        try:
            yield
        except OmoiError as refusal:
            data = {"phase": phase, "code": refusal.code}
            refusal.trace = partial(
                sql.atomic(project.record), "ticket.birth_refused", by=by, reason=refusal.message, data=data
            )
            if not connection.in_atomic_block:
                refusal.leave_trace()
            raise

    # -- by themselves

    def due_to_advance(self) -> models.QuerySet[Row]:
        """Tickets whose phase ends by itself and is over: `on_claim` once work of the next phase has begun,
        `on_completion` when all its tasks ended well.
        """
        return self.extra(where=[AUTOMATIC])

    def advance_due(
        self,
        ids: Sequence[int] | None = None,
        *,
        between: tuple[int, int] | None = None,
        by: Actor = "system:workflow",
    ) -> int:
        """Make the automatic moves that are due, of these tickets, or of a batch of all or of those with ids
        `between`; returns how many.
        """
        waiting = self.due_to_advance()
        if ids is not None:
            waiting = waiting.filter(pk__in=ids)
        if between is not None:
            waiting = waiting.filter(pk__gt=between[0], pk__lte=between[1])
        moved = 0
        for pk in _in_turn(waiting):
            try:
                while self.due_to_advance().filter(pk=pk).exists() and self._advance_one(pk, by):
                    moved += 1
            except (OmoiError, DatabaseError) as fault:  # one ticket must not stand in the way of the others
                if connection.connection is None or connection.connection.broken:
                    raise
                self._report_fault(pk, fault, by)
        return moved

    def _advance_one(self, pk: int, by: Actor) -> bool:
        verdict = self._judge_due(pk, by)
        if verdict and not verdict.passed:
            return False
        return self._go_on(pk, verdict, by)

    def _report_fault(self, pk: int, fault: OmoiError | DatabaseError, by: Actor) -> None:
        """What keeps it from moving on is kept with it and told of once; what passes by itself, such as a
        lock that was not had in time, only in the log.
        """
        try:
            if isinstance(fault, OperationalError) or self._keep_fault(pk, fault, by):
                log.warning(
                    "ticket %s could not move on by itself: %s",
                    pk,
                    fault,
                    exc_info=not isinstance(fault, OmoiError),
                )
        except OperationalError:
            log.warning(
                "ticket %s could not move on by itself, and nothing is told of it yet: %s",
                pk,
                fault,
                exc_info=True,
            )

    @sql.atomic
    def _keep_fault(self, pk: int, fault: OmoiError | DatabaseError, by: Actor) -> bool:
        """Whether it is another one than before."""
        message = fault.message if isinstance(fault, OmoiError) else str(fault).partition("\n")[0]
        with self.lock(pk=pk) as ticket:
            if ticket.move_fault == message or not self.due_to_advance().filter(pk=pk).exists():
                return False
            # no edit: whoever looks at its version sees nothing else than before
            self.filter(pk=pk).update(
                move_fault=message, move_fault_at=ticket.move_fault_at or sql.ClockTimestamp()
            )
            data = {"from": ticket.phase, "code": getattr(fault, "code", "internal_error")}
            ticket.record("ticket.move_failed", by=by, reason=message, data=data)
        return True

    @sql.atomic
    def _judge_due(self, pk: int, by: Actor) -> Verdict | None:
        """The verdict over a gated phase: one that holds already, else a new one, and where that refuses, the
        tasks that shall repair it.
        """
        if not self.select_related("workflow").get(pk=pk).gated:
            return None
        with self.lock(pk=pk) as ticket:
            # asked again under the lock: another may have moved it, or judged it and not moved it yet
            if not (ticket.gated and self.due_to_advance().filter(pk=pk).exists()):
                return None
            passed: Verdict | None = ticket.verdicts.filter(move=ticket.moves, passed=True).first()
            if passed and passed.holds_for(ticket):
                return passed
            verdict = Verdict.objects.judge(ticket, by=by)
            if not verdict.passed:
                try:
                    with transaction.atomic():
                        ticket.add_repair_tasks(by=by)
                except (
                    OmoiError
                ) as fault:  # such as a profile that is gone: the verdict stands, and says what is missing
                    ticket.record("ticket.mend_failed", by=by, reason=fault.message)
        return verdict

    @sql.atomic
    def _go_on(self, pk: int, verdict: Verdict | None, by: Actor) -> bool:
        with self.lock(pk=pk) as ticket:
            due = self.due_to_advance().filter(pk=pk).exists()  # asked again under the lock
            if due and (not ticket.gated or (verdict and verdict.holds_for(ticket))):
                ticket.advance(by=by, verdict=verdict)
                ticket.save_version()
                return True
        return False


def _in_turn(due: models.QuerySet[Any]) -> list[int]:
    """Which to try now. Those that were tried in vain come by lot: a hundred with one fault neither take all
    the time nor hide what was mended.
    """
    fresh = due.filter(move_fault="").order_by("id")[:MOST]
    again = due.exclude(move_fault="").order_by("?")[:MOST_AGAIN]
    return [*fresh.values_list("pk", flat=True), *again.values_list("pk", flat=True)]
