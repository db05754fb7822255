"""CheckRun: one run of a gate check that takes long or asks outside, for the evidence of its moment.

A judgement asks for it, a worker or a reviewer answers it. An answer counts while the artifacts and the text
of the ticket are those that it was asked about, and the ticket has not moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from agents.models import Actor, label
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from omoi_site.errors import OmoiError
from tickets.gates import registry
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.fields import TicketFields

WORKFLOW = "system:workflow"  # who acts by itself, as the document says: adds reviews, moves tickets
MOST_TRIES = 3  # of a run whose worker was lost; what a worker releases when it ends costs none
AGAIN = "30 seconds"  # after the last answer, what did not pass can be asked again
USUAL_S, MOST_S, MORE_S = "600", "3600", "60"  # what a check may take, and how much longer it may be held
SEEN = sql.statement(__file__, "check_seen")
CURRENT = sql.statement(__file__, "check_runs", seen=SEEN, again=AGAIN)
TAKE = sql.statement(__file__, "take_check_run")
RENEW = sql.statement(__file__, "renew_check_run", usual_s=USUAL_S, most_s=MOST_S, more_s=MORE_S)


class EvidenceChanging(OmoiError):
    """The gate cannot be judged before checks have been asked on the present evidence. Verbs catch it, ask
    them, and judge again.
    """

    code = "evidence_changing"
    title = "The evidence keeps changing"
    next_action = "Wait until the last artifact is submitted, then judge the gate again."

    def __init__(self, ticket: TicketFields) -> None:
        self.ticket = ticket
        super().__init__(
            f"the evidence of {ticket.key} changes faster than the checks of its gate can answer"
        )


class AskRuns(EvidenceChanging):
    """Its gate lacks runs, which are asked for in a transaction of their own: they may add tasks."""


class CheckRunManager(models.Manager["CheckRun"]):
    def seen(self, ticket: TicketFields) -> str:
        """The digest of what a run is about: the newest artifacts, and the text of the ticket."""
        row = sql.one(SEEN, {"ticket": ticket.pk})
        assert row
        return str(row["seen"])

    def current(self, ticket: TicketFields, phase: str) -> list[CheckRun]:
        """The newest run of each check for the present evidence of the ticket."""
        return list(self.raw(CURRENT, {"ticket": ticket.pk, "phase": phase, "move": ticket.moves}))

    def newest(self, ticket: TicketFields, phase: str) -> list[CheckRun]:
        """The newest run of each check in the phase, for whatever evidence."""
        runs = self.filter(ticket_id=ticket.pk, phase=phase).defer("seen")
        return list(runs.order_by("entry", "-id").distinct("entry"))

    def lacking(self, ticket: TicketFields) -> list[dict[str, Any]]:
        """The checks of its gate that nobody has asked yet on the present evidence, or that can be asked
        again.
        """
        gate = ticket.plan[ticket.phase].gate if ticket.phase in ticket.plan else ()
        entries = [entry for entry in gate if registry.runs_later(entry)]
        runs = self.current(ticket, ticket.phase) if entries else []
        asked = [run.entry for run in runs if not run.again]
        return [entry for entry in entries if entry not in asked and self._may_ask(ticket, entry)]

    def ask(self, ticket: TicketFields, *, by: Actor) -> bool:
        """Ask for the runs that its gate lacks; the ticket must be locked. Returns whether an answer is
        awaited.
        """
        for entry in self.lacking(ticket):
            self._insert(ticket, entry, by=by)
        hints.send("run_checks")
        return any(not run.ended for run in self.current(ticket, ticket.phase))

    def rounds(self, ticket: TicketFields, phase: str, entry: dict[str, Any]) -> models.QuerySet[CheckRun]:
        """The runs of this check in the phase, for whatever evidence."""
        return self.filter(ticket_id=ticket.pk, phase=phase, entry=entry).order_by("id")

    def _may_ask(self, ticket: TicketFields, entry: dict[str, Any]) -> bool:
        rounds = registry.registered()[entry["check"]].rounds
        return rounds is None or self.rounds(ticket, ticket.phase, entry).count() < rounds(entry)

    def _insert(self, ticket: TicketFields, entry: dict[str, Any], *, by: Actor) -> None:
        task = None
        if makes_task := registry.registered()[entry["check"]].makes_task:
            former = list(self.rounds(ticket, ticket.phase, entry).values_list("task", flat=True))
            ticket.tasks.open().filter(pk__in=former).cancel(by=WORKFLOW, reason="its evidence has changed")
            spec = TaskSpec(**makes_task(ticket, entry, len(former) + 1))
            [task] = ticket.tasks.model.objects.insert(ticket, [spec], by=WORKFLOW, phase=ticket.phase)
        self.create(
            ticket_id=ticket.pk,
            phase=ticket.phase,
            move=ticket.moves,
            entry=entry,
            seen=self.seen(ticket),
            asked_by=label(by),
            task_id=task,
        )

    def take(self, worker: str) -> CheckRun | None:
        """The next run for a worker, with a lease; None if there is none."""
        lease = {"worker": worker, "lease_s": settings.WORKER_LEASE_S}
        return next(iter(self.raw(TAKE, lease)), None)

    def renew(self, run: CheckRun) -> bool:
        """Renew the lease of its worker. Returns False if the run is not that worker's any more."""
        held = {"run": run.pk, "worker": run.worker, "tries": run.tries}
        return bool(sql.rows(RENEW, {**held, "lease_s": settings.WORKER_LEASE_S}))

    def release(self, run: CheckRun) -> None:
        """Let another worker take it at once, because its own one ends. That costs no try."""
        held = self.filter(pk=run.pk, answered_at=None, worker=run.worker, tries=run.tries)
        held.exclude(lease_until=None).update(lease_until=None, releases=models.F("releases") + 1)

    @sql.atomic
    def answer(self, run: CheckRun, reasons: Sequence[registry.Reason], result: dict[str, Any]) -> bool:
        """Keep the answer. Returns False if the run is not that worker's: it never took it, or another one
        has taken it since.
        """
        ticket = type(run.ticket).lock_in_order([run.ticket_id])[run.ticket_id]
        mine = self.filter(
            pk=run.pk, answered_at=None, started_at__isnull=False, worker=run.worker, tries=run.tries
        )
        found = [reason.as_dict() for reason in reasons]
        if not mine.update(answered_at=sql.ClockTimestamp(), reasons=found, result=result):
            return False
        run.answered_at = timezone.now()  # before the commit: who renews leases meanwhile misses nothing
        data = {"check": run.name, "phase": run.phase, "run": run.pk, "passed": not found}
        ticket.record("gate.check_answered", by=run.worker, data=data)
        ticket.hint_advance()
        return True


class CheckRun(models.Model):
    application_privileges = NO_DELETE

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="check_runs", db_index=False)
    phase = models.CharField(max_length=60)
    move = models.PositiveIntegerField(help_text="how often the ticket had moved")
    entry = models.JSONField(help_text="{check, …parameters}, as in the gate")
    seen = models.CharField(max_length=64, help_text="digest of the artifacts and criteria it is about")
    asked_by = models.CharField(max_length=170)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    task = models.ForeignKey("tickets.Task", models.PROTECT, null=True, blank=True, related_name="+")
    worker = models.CharField(max_length=170, blank=True, default="", db_default="")
    tries = models.PositiveIntegerField(default=0, db_default=0)
    releases = models.PositiveIntegerField(default=0, db_default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    reasons = models.JSONField(null=True, blank=True, help_text="why it does not pass; [] if it passes")
    result = models.JSONField(default=dict, db_default={}, blank=True)

    objects = CheckRunManager()
    again: bool  # of `current`: it did not pass, and can be asked again
    ended: bool  # of `current`: it has an answer, or its task has ended

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["ticket", "phase", "id"], name="check_run_of"),
            models.Index(
                fields=["id"],
                name="check_run_open",
                condition=models.Q(answered_at__isnull=True, task__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.ticket_id}"

    @property
    def name(self) -> str:
        return str(self.entry["check"])

    @property
    def passed(self) -> bool:
        return self.reasons == []
