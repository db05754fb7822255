"""Moves on request: a gated phase is judged first, and refusals are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from django.db import connection, models

from agents.models import Actor, rights
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import NotFound, OmoiError
from tickets.models.explain.ticket_explanation import WaitingTickets
from tickets.models.gate.check_run import AskRuns, CheckRun
from tickets.models.gate.verdict import Answers, AskOutside, GateClosed, OutsideAnswers, Verdict
from tickets.models.ticket.destinations import LEADS_TO
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.transitions import MOVES, Transitions

Row = TypeVar("Row", bound=Transitions)

ASKED = 3  # times that checks outside are asked while the evidence keeps changing
JUDGE = f"tickets:write{rights.EITHER}work"  # the right to have a gate judged


class RequestedMoves(WaitingTickets[Row]):
    def judge(self, *, by: Actor, **which: Any) -> Verdict:
        """Judge the gate of the ticket's phase and store the verdict, passed or not. A phase without a gate
        passes.

        Of several parallel calls the first one judges; the others get its verdict if the evidence is still
        the same. Checks outside are asked before, with no row locked, and again if the evidence changed
        meanwhile.
        """
        outside = None
        for _ in range(ASKED):
            try:
                return self._judge(by=by, outside=outside, **which)
            except AskOutside as needed:
                outside = OutsideAnswers.of(needed.ticket)
            except AskRuns as needed:
                self._ask_runs(needed.ticket.pk, by=by)
        return self._judge(by=by, outside=outside, **which)

    @sql.atomic
    def _ask_runs(self, pk: int, *, by: Actor) -> None:
        with self.lock(pk=pk) as ticket:
            CheckRun.objects.ask(ticket, by=by)

    @sql.atomic
    def _judge(self, *, by: Actor, outside: OutsideAnswers | None, **which: Any) -> Verdict:
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
        if CheckRun.objects.lacking(ticket):
            raise AskRuns(ticket)
        return Verdict.objects.judge(ticket, by=by, outside=outside)

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

        Before a move through a gate, the gate is judged in its own transaction. `how`: the `cause` of a
        block; with `past_limit`, a person moves it in even if the phase is full.
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
            ticket.past_limit = how.pop("past_limit", False)
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
