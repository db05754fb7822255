"""Automatic moves: of many tickets at once where a move is plain, else one by one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import DatabaseError, OperationalError, connection, models

from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.gates.registry import runs_later
from tickets.models.explain.sql_fragments import MOVES_NOW
from tickets.models.gate.check_run import WORKFLOW, CheckRun
from tickets.models.gate.verdict import AskOutside, OutsideAnswers, Verdict
from tickets.models.ticket import failure, limited_moves, plain_moves
from tickets.models.ticket.plain_moves import DUE
from tickets.models.ticket.requested_moves import RequestedMoves
from tickets.models.ticket.room import PhaseFull
from tickets.models.ticket.transitions import Transitions
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

Row = TypeVar("Row", bound=Transitions)

MOST, MOST_AGAIN = 200, 20  # tickets tried at once: new ones, and ones that failed before
COUNTED = 1_000  # due tickets that a sweep counts
EVERY = (0, 2**63 - 1)

DUE_OF = sql.statement(__file__, "due_moves", which="k.id = ANY (%(ids)s)", due=DUE, since="k.updated_at")
DUE_BETWEEN = sql.statement(
    __file__,
    "due_moves",
    which="k.id > %(after)s AND k.id <= %(upto)s",
    due=DUE,
    since=sql.statement(__file__, "due_since", since="k.updated_at"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Advanced:
    """What one call did. `due`: the tickets that were due before, up to COUNTED, `since`: the first of them;
    not those that failed before.
    """

    moved: int
    due: int
    since: datetime | None


class NotAnswered(OmoiError):
    """A check of the gate could not find out what it asks outside."""

    code = "not_answered"
    title = "A check could not find out"


class AutomaticMoves(RequestedMoves[Row]):
    def due_to_advance(self) -> models.QuerySet[Row]:
        """Tickets due for an automatic move: in an `on_claim` phase once work of the next phase has begun, in
        an `on_completion` phase when all its tasks ended well. None of a frozen project.
        """
        return self.extra(where=[MOVES_NOW])

    def advance_due(self, ids: Sequence[int] | None = None, *, between: tuple[int, int] = EVERY) -> int:
        """Make the due automatic moves of these tickets, or of a batch of those with ids `between`. Returns
        how many.
        """
        if ids is None:
            return self.advance_between(*between).moved
        return sum(self._advance(_due(ids[at : at + MOST]), ask=True) for at in range(0, len(ids), MOST))

    def advance_between(self, after: int, upto: int) -> Advanced:
        """Make a batch of the due automatic moves of the tickets with these ids. Where a gate asks outside, a
        worker is asked to: a sweep must not wait for a repository.
        """
        due = sql.rows(DUE_BETWEEN, {"after": after, "upto": upto, "most": COUNTED, "again": MOST_AGAIN})
        new = [row for row in due if not row["failed_before"]]
        moved = self._advance([*new[:MOST], *due[len(new) :]], ask=False)
        moved += self._go_back(limited_moves.waiting_between(after, upto))
        return Advanced(moved, len(new), min((row["since"] for row in new), default=None))

    def fill(self, projects: Sequence[int]) -> int:
        """Make the due automatic moves into the phases of these projects that limit how many tickets stand in
        them, as far as there is room, those that wait longest first. Returns how many.
        """
        due = limited_moves.oldest_first(projects)
        moved = self._advance(_due(due), ask=True) if due else 0
        return moved + self._go_back(limited_moves.waiting_to_go_back(projects))

    def _go_back(self, ids: Sequence[int]) -> int:
        """Send these tickets back, as far as there is room. Returns how many."""
        moved = 0
        for pk in ids:
            try:
                moved += self._go_back_one(pk)
            except (OmoiError, DatabaseError) as fault:  # one ticket must not stop the others
                _raise_if_lost(fault)
                log.warning("ticket %s could not be sent back: %s", pk, fault)
        return moved

    @sql.patiently
    def _go_back_one(self, pk: int) -> bool:
        with self.lock(pk=pk) as ticket:
            moves = ticket.moves
            if ticket.move_fault:
                failure.follow_again(ticket)
            return self.filter(pk=pk, moves__gt=moves).exists()

    def _advance(self, due: Sequence[dict[str, Any]], *, ask: bool) -> int:
        plans = Workflow.objects.plans({row["workflow_id"] for row in due})
        ways = plain_moves.ways(plans)
        plain = [
            row["id"]
            for row in due
            if not row["failed_before"] and (row["workflow_id"], row["phase"]) in ways
        ]
        moved, ask_again = self._advance_plain(plain, plans)
        left = [row for row in due if row["id"] not in set(plain)]
        if ask_again:
            left += _due(ask_again)
        for pk in _longest_waiting_first(left):
            try:
                while self._advance_one(pk, ask=ask):
                    moved += 1
            except PhaseFull:
                continue  # another ticket took the last place: this one waits
            except (OmoiError, DatabaseError) as fault:  # one ticket must not stop the others
                _raise_if_lost(fault)
                self._report_fault(pk, fault)
        return moved

    @staticmethod
    def _advance_plain(ids: Sequence[int], plans: Mapping[int, Plan]) -> tuple[int, list[int]]:
        """Make the plain moves of these tickets. Returns how many, and the tickets that may still be due."""
        moved, ask_again = 0, []
        for start in range(0, len(ids), plain_moves.BATCH):
            batch = ids[start : start + plain_moves.BATCH]
            try:
                count, left = plain_moves.move(batch, plans, by=WORKFLOW)
            except DatabaseError as fault:  # a single ticket may be the cause: try each by itself
                _raise_if_lost(fault)
                log.warning("%d tickets could not move on together: %s", len(batch), fault)
                count, left = 0, list(batch)
            moved += count
            ask_again += left
        return moved, ask_again

    def _advance_one(self, pk: int, *, ask: bool) -> bool:
        """Make the ticket's next move if it is due; with a gate, only if that passes. Returns whether it
        moved. ask: ask checks outside here; otherwise a worker does, since that takes time.
        """
        try:
            moved, verdict = self._advance_or_judge(pk)
        except AskOutside as needed:
            if not ask:
                hints.send("advance_tickets", [pk])
                return False
            # with no row locked; if the evidence changes meanwhile, a sweep tries again
            outside = OutsideAnswers.of(needed.ticket)
            moved, verdict = self._advance_or_judge(pk, outside=outside)
        if verdict and verdict.passed:  # stored by now, whatever becomes of the move
            moved, _ = self._advance_or_judge(pk, verdict)
        return moved

    @sql.patiently
    def _advance_or_judge(
        self, pk: int, judged: Verdict | None = None, outside: OutsideAnswers | None = None
    ) -> tuple[bool, Verdict | None]:
        """One transaction: the move if it is due and open, else the judgement of its gate. Returns whether it
        moved, and the new verdict.
        """
        with self.lock(pk=pk) as ticket:
            # asked with the lock held: another process may have moved or judged it
            if not self.due_to_advance().filter(pk=pk).exists():
                return False, None
            verdict = judged
            if ticket.gated:
                verdict = judged or ticket.verdicts.filter(move=ticket.moves, passed=True).first()
                if not (verdict and verdict.holds_for(ticket)):
                    return False, None if judged else self._judge_due(ticket, outside)
            ticket.advance(by=WORKFLOW, verdict=verdict)
            ticket.save_move()
        return True, None

    @staticmethod
    def _judge_due(ticket: Row, outside: OutsideAnswers | None) -> Verdict | None:
        """A new verdict for its gate, once its checks that run later have answered; if it refuses, the
        workflow says what follows. Raises NotAnswered, and leaves no verdict, if a check could not find out:
        it would stand until the evidence changes.
        """
        if outside and (reason := outside.unanswered):
            raise NotAnswered(f"{reason.check}: {reason.got or reason.code}", next_action=reason.how)
        if any(map(runs_later, ticket.plan[ticket.phase].gate)) and CheckRun.objects.ask(ticket, by=WORKFLOW):
            return None  # the answer comes with a hint
        verdict: Verdict = Verdict.objects.judge(ticket, by=WORKFLOW, outside=outside)
        if not verdict.passed and not verdict.only_lacks_people:
            failure.follow_refusal(ticket, verdict)
        return verdict

    def _report_fault(self, pk: int, fault: OmoiError | DatabaseError) -> None:
        """Store why the ticket cannot move on, and write one event. A temporary fault, such as a lock
        timeout, goes only to the log.
        """
        try:
            if isinstance(fault, OperationalError) or self._keep_fault(pk, fault):
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
    def _keep_fault(self, pk: int, fault: OmoiError | DatabaseError) -> bool:
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
            ticket.record("ticket.move_failed", by=WORKFLOW, reason=message, data=data)
        return True


def _due(ids: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these tickets that are due."""
    return sql.rows(DUE_OF, {"ids": list(ids), "most": MOST, "again": MOST_AGAIN})


def _longest_waiting_first(due: Sequence[dict[str, Any]]) -> list[int]:
    """These tickets. Before each one that moves into a phase with a limit come those that wait longer."""
    plans = Workflow.objects.plans({row["workflow_id"] for row in due})
    projects = {
        row["project_id"] for row in due if limited_moves.limited(plans[row["workflow_id"]], row["phase"])
    }
    older = limited_moves.oldest_first(projects) if projects else []
    return list(dict.fromkeys([*older, *(row["id"] for row in due)]))


def _raise_if_lost(fault: Exception) -> None:
    """Raise it again if the connection is lost."""
    if connection.connection is None or connection.connection.broken:
        raise fault
