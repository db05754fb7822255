"""Moves on request, and automatic moves.

Both judge a gated phase first, and record refusals.
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
from tickets.models.gate.verdict import Answers, GateClosed, Verdict
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.transitions import LEADS_TO, MOVES, Transitions

Row = TypeVar("Row", bound=Transitions)

MOST, MOST_AGAIN = 200, 20  # tickets tried in one call: new ones, and ones that failed before

JUDGE = f"tickets:write{rights.EITHER}work"  # the right to have a gate judged

log = logging.getLogger(__name__)


class Moves(WaitingTickets[Row]):
    @sql.atomic
    def judge(self, *, by: Actor, **which: Any) -> Verdict:
        """Judge the gate of the ticket's phase and store the verdict, passed or not. A phase without a gate
        passes.

        Of several parallel calls the first one judges; the others get its verdict if the evidence is still
        the same.
        """
        row = self.filter(**which).annotate(newest=models.Max("verdicts")).values_list("pk", "newest").first()
        if row is None:
            raise NotFound("there is no such ticket")
        pk, newest = row
        # the lock keeps the evidence unchanged while it is read, so that no outdated evidence is judged. Not
        # FOR SHARE: two calls would both get it, and each would wait for the other to write its verdict
        sql.rows("SELECT id FROM tickets_ticket WHERE id = %s FOR NO KEY UPDATE", [pk])
        # read it again instead of refresh_from_db, which would lift the protection of `phase` for all tickets
        # in all threads
        ticket = self.select_related("project", "workflow").get(pk=pk)
        rights.require(by, JUDGE, ticket.project)
        newer: Verdict | None = ticket.verdicts.filter(pk__gt=newest or 0).first()
        if newer and not newer.stale_for(ticket):
            return newer
        return Verdict.objects.judge(ticket, by=by)

    def act(self, pk: int, verb: str, *, by: Actor, version: int | None = None, **how: Any) -> Row:
        """Call `verb` on one ticket. A move goes to its usual destination, through `move`."""
        if verb not in MOVES:
            return super().act(pk, verb, by=by, version=version, **how)
        ticket = self.select_related("workflow").filter(pk=pk).first()
        if ticket is None:
            raise NotFound("there is no such ticket")
        if to := ticket.usual_destination(verb):
            # in its present phase: in another one it would be another move
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
        """Make the move that leads to `to`; returns its history row.

        Before a move through a gate, the gate is judged in its own transaction. `how`: the cause of a block.
        """
        reason = field_limits.reason(reason)
        with self.record_refusals(pk, to, by=by):
            before = self.select_related("workflow").get(pk=pk)
            before.expect_movable()
            onward = before.gated and not force and before.is_later(to)
            verdict = self.judge(pk=pk, by=by) if onward else None
            # each is retried separately after a deadlock: the verdict is stored by then, and one is enough
            return self._moved(
                pk, to, by=by, version=version, reason=reason, force=force, verdict=verdict, **how
            )

    @sql.atomic
    def _moved(
        self, pk: int, to: str, *, by: Actor, version: int | None, force: bool, **how: Any
    ) -> PhaseMove:
        with self.locked(pk=pk) as ticket:
            ticket.expect_before(ticket.verb_to(to, force=force), version, by=by)
            ticket.move_to(to, by=by, force=force, **how)
            return ticket.history.select_related("verdict").latest("move")

    @contextmanager
    def record_refusals(self, pk: int, to: str, *, by: Actor) -> Iterator[None]:
        """A refusal inside the block is recorded as an event: at once, or, inside a transaction, when its
        owner calls `leave_trace`.
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
        """Record a refused move in the journal, and the verdict again if its transaction was rolled back and
        it still holds.
        """
        verdict = refusal.verdict if isinstance(refusal, GateClosed) else None
        with self.lock(pk=pk) as ticket:
            lost = verdict and not Verdict.objects.filter(pk=verdict.pk).exists()
            if verdict and lost and not verdict.stale_for(ticket):
                Verdict.objects.store(ticket, Answers(verdict.checks, verdict.evidence), by=by)
        data = {
            "from": ticket.phase,
            "to": to,
            "code": refusal.code,
            "unmet": [reason["code"] for reason in refusal.more.get("unmet", [])],
        }
        ticket.record("ticket.move_refused", by=by, reason=refusal.message, data=data)

    @contextmanager
    def record_refused_creation(self, project: Any, phase: str, *, by: Actor) -> Iterator[None]:
        """Like `record_refusals`, for creating tickets past the first phase: a refusal is an event of the
        project.
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

    # -- automatic moves

    def due_to_advance(self) -> models.QuerySet[Row]:
        """Tickets due for an automatic move: in an `on_claim` phase once work of the next phase has begun, in
        an `on_completion` phase when all its tasks ended well.
        """
        return self.extra(where=[AUTOMATIC])

    def advance_due(
        self,
        ids: Sequence[int] | None = None,
        *,
        between: tuple[int, int] | None = None,
        by: Actor = "system:workflow",
    ) -> int:
        """Make the due automatic moves of these tickets, or of a batch of all tickets or of those with ids
        `between`. Returns how many.
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
            except (OmoiError, DatabaseError) as fault:  # one ticket must not stop the others
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
        """Store why the ticket cannot move on, and write one event. A temporary fault, such as a lock
        timeout, goes only to the log.
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
                "ticket %s could not move on by itself; this is not recorded yet: %s",
                pk,
                fault,
                exc_info=True,
            )

    @sql.atomic
    def _keep_fault(self, pk: int, fault: OmoiError | DatabaseError, by: Actor) -> bool:
        """Store the fault. Returns whether it differs from the last one."""
        message = fault.message if isinstance(fault, OmoiError) else str(fault).partition("\n")[0]
        with self.lock(pk=pk) as ticket:
            if ticket.move_fault == message or not self.due_to_advance().filter(pk=pk).exists():
                return False
            # not an edit, so its version stays
            self.filter(pk=pk).update(
                move_fault=message, move_fault_at=ticket.move_fault_at or sql.ClockTimestamp()
            )
            data = {"from": ticket.phase, "code": getattr(fault, "code", "internal_error")}
            ticket.record("ticket.move_failed", by=by, reason=message, data=data)
        return True

    @sql.atomic
    def _judge_due(self, pk: int, by: Actor) -> Verdict | None:
        """The verdict for a gated phase: one that already holds, else a new one. If that refuses, repair
        tasks are added.
        """
        if not self.select_related("workflow").get(pk=pk).gated:
            return None
        with self.lock(pk=pk) as ticket:
            # checked again with the lock held: another process may have moved or judged it
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
                ) as fault:  # for example a missing profile: the verdict stays, and says what is missing
                    ticket.record("ticket.mend_failed", by=by, reason=fault.message)
        return verdict

    @sql.atomic
    def _go_on(self, pk: int, verdict: Verdict | None, by: Actor) -> bool:
        with self.lock(pk=pk) as ticket:
            due = self.due_to_advance().filter(pk=pk).exists()  # checked again with the lock held
            if due and (not ticket.gated or (verdict and verdict.holds_for(ticket))):
                ticket.advance(by=by, verdict=verdict)
                ticket.save_version()
                return True
        return False


def _in_turn(due: models.QuerySet[Any]) -> list[int]:
    """The ids to try now. Those that failed before are chosen at random, so that many with the same fault
    neither take all the time nor hide one that is fixed.
    """
    fresh = due.filter(move_fault="").order_by("id")[:MOST]
    tried = due.exclude(move_fault="").order_by("?")[:MOST_AGAIN]
    return [*fresh.values_list("pk", flat=True), *tried.values_list("pk", flat=True)]
