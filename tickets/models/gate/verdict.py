"""Verdict: the stored result of judging a gate, passed or not.

It holds only for the evidence that was judged.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import models

from agents.models import Actor, label, via
from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.database.privileges import READ_ONLY
from omoi_site.errors import OmoiError
from tickets.gates import registry, time_limit
from tickets.models.gate import approval_state
from tickets.models.gate.approval_state import Decided
from tickets.models.gate.artifact import Artifact
from tickets.models.gate.check_run import CheckRun, EvidenceChanging
from tickets.models.gate.limited_statements import limited_statements
from tickets.models.repository import Repository
from tickets.models.ticket.fields import TicketFields

EVIDENCE = "SELECT omoi_evidence(%s, %s) AS digest"
REVIEWER_IS = "SELECT omoi_reviewer_is(%s)"
JUDGE = "SELECT * FROM omoi_judge(%s, %s, %s::int, %s, %s::jsonb, %s, %s)"


class GateClosed(OmoiError):
    """The gate of the ticket's phase has no valid verdict that passed; `unmet` says what is missing."""

    code = "gate_closed"
    title = "The gate is closed"
    next_action = "Submit what each check asks for, then try again."

    def __init__(self, ticket: TicketFields, verdict: Verdict | None) -> None:
        self.verdict = verdict
        unmet = verdict.unmet if verdict else []
        why = (
            f"{len(unmet)} {'check does' if len(unmet) == 1 else 'checks do'} not pass"
            if unmet
            else "its evidence has changed since it was judged"
            if verdict
            else "it has not been judged"
        )
        super().__init__(
            f"the gate of {humanize.phase(ticket.phase)} is closed for {ticket.key}: {why}",
            unmet=unmet,
            phase=ticket.phase,
        )


class Case:
    """What a check can read about its ticket: the newest artifacts of the phase, its tasks, and the
    repositories of its project.
    """

    def __init__(self, ticket: TicketFields, phase: str) -> None:
        self.ticket = ticket
        self.phase = phase
        self._repositories: dict[str, Repository | None] = {}

    @property
    def gate(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.ticket.plan[self.phase].gate) if self.phase in self.ticket.plan else ()

    @cached_property
    def artifacts(self) -> list[Artifact]:
        artifacts = self.ticket.artifacts.current().filter(phase=self.phase).select_related("blob")
        return sorted(artifacts, key=lambda artifact: artifact.pk, reverse=True)

    def repository(self, name: str = "") -> Repository | None:
        """The repository of the project with this name; without one, its first. Asked twice, the same one."""
        if name not in self._repositories:
            repositories = Repository.objects.filter(project=self.ticket.project_id).select_related("project")
            found = repositories.filter(name=name) if name else repositories
            self._repositories[name] = found.order_by("pk").first()
        return self._repositories[name]

    def newest(self, kind: str) -> Artifact | None:
        """The artifact of this type that was submitted last. Its content is read chunk by chunk from its
        blob.
        """
        return next((artifact for artifact in self.artifacts if artifact.type == kind), None)

    def decisions(self) -> list[Decided]:
        """What people decided about the present evidence and still counts or stands, in order."""
        return approval_state.decided(self.ticket.pk, self.phase)

    def approvers_left(self) -> int:
        """How many people could still approve it."""
        return approval_state.approvers_left(self.ticket.pk, self.phase)

    @cached_property
    def runs(self) -> list[CheckRun]:
        return CheckRun.objects.current(self.ticket, self.phase)

    def run(self, entry: dict[str, Any]) -> CheckRun | None:
        """The newest run of a check that is answered later, for the present evidence."""
        return next((run for run in self.runs if run.entry == entry), None)

    def rounds(self, entry: dict[str, Any]) -> int:
        """How often this check was asked in the phase, for whatever evidence."""
        return CheckRun.objects.rounds(self.ticket, self.phase, entry).count()

    def shared_with_authors(self, review: int) -> list[str]:
        """What whoever completed this task has in common with the authors: `agent:ada` if she is an author,
        registered one or was registered by one; `user:ann` if ann is behind both. Empty for a reviewer who
        has nothing to do with the work.
        """
        return sorted(name for (name,) in sql.tuples(REVIEWER_IS, [review]))

    def tasks(self) -> Counter[str]:
        """How many tasks of the phase are in each state."""
        return Counter(self.ticket.tasks.filter(phase=self.phase).values_list("state", flat=True))


@dataclass(frozen=True)
class Answers:
    """What the checks of a gate found. `checks`: each {check, …parameters, reasons}; `evidence`: the digest
    of what they read.
    """

    checks: list[dict[str, Any]]
    evidence: str


@dataclass(frozen=True)
class OutsideAnswers:
    """What the checks found that are asked before the transaction that judges: their reasons by place in the
    gate. They count for the ticket at this move with this evidence, and for nothing else.

    seen: the digest of the very revisions. With that of their contents alone, what was replaced while the
    checks were asked, and submitted again afterwards, would pass by the answers about what stood between.
    """

    move: int
    evidence: str
    seen: str
    reasons: dict[int, list[registry.Reason]]

    @property
    def unanswered(self) -> registry.Reason | None:
        """Why a check could not find out, if there is one that could not."""
        found = (reason for reasons in self.reasons.values() for reason in reasons)
        return next((reason for reason in found if isinstance(reason, registry.Unanswered)), None)

    @classmethod
    def of(cls, ticket: TicketFields) -> OutsideAnswers:
        """Ask those checks of its gate; this may take seconds, so the ticket must not be locked."""
        case, evidence, seen = Case(ticket, ticket.phase), digest(ticket), CheckRun.objects.seen(ticket)
        asked = {
            number: sql.patiently(registry.reasons)(entry, case)
            for number, entry in enumerate(case.gate)
            if registry.is_outside(entry)
        }
        return cls(ticket.moves, evidence, seen, asked)


class AskOutside(EvidenceChanging):
    """Its gate has checks outside, which are asked with no row locked."""


class VerdictManager(models.Manager["Verdict"]):
    def judge(self, ticket: TicketFields, *, by: Actor, outside: OutsideAnswers | None = None) -> Verdict:
        """Run the checks of the gate of its phase, and store the verdict. The ticket must be locked.
        `Ticket.objects.judge` does that, and checks the right.

        outside: the answers of checks that are asked before. If the gate has such checks and these are not
        theirs for the present evidence, raises AskOutside.
        """
        case = Case(ticket, ticket.phase)
        evidence = digest(ticket)
        if any(map(registry.is_outside, case.gate)) and not (
            outside
            and (outside.move, outside.evidence) == (ticket.moves, evidence)
            and outside.seen == CheckRun.objects.seen(ticket)
        ):
            raise AskOutside(ticket)
        return self.store(ticket, Answers(run_checks(case, outside), evidence), by=by)

    def store(self, ticket: TicketFields, answers: Answers, *, by: Actor) -> Verdict:
        """The verdict that follows from these answers. The database works it out, and writes its event.

        If the evidence has changed since they were given, the transaction fails and can be tried again.
        """
        at = [ticket.pk, ticket.phase, ticket.moves]
        [verdict] = self.raw(JUDGE, [*at, answers.evidence, json.dumps(answers.checks), label(by), via(by)])
        return verdict


class Verdict(models.Model):
    application_privileges = READ_ONLY  # omoi_judge inserts them

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="verdicts")
    phase = models.CharField(max_length=60)
    move = models.PositiveIntegerField(help_text="how often the ticket had moved")
    passed = models.BooleanField()
    checks = models.JSONField(help_text="each {check, …parameters, passed, reasons}")
    artifacts = models.JSONField(default=dict, help_text="hash by phase and name")
    evidence = models.CharField(
        max_length=64,
        help_text="digest of the evidence: the ticket's artifacts, the phase's tasks and approvals",
    )
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = VerdictManager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.phase} of {self.ticket_id}: {'passed' if self.passed else 'refused'}"

    @property
    def unmet(self) -> list[dict[str, Any]]:
        """The reasons of the checks that did not pass, each {check, code, need, got, how}."""
        return [reason for check in self.checks for reason in check["reasons"]]

    @property
    def only_lacks_people(self) -> bool:
        """Whether nothing is missing but approvals: work that is done again would not help."""
        return {reason["check"] for reason in self.unmet} == {"approvals"}

    def holds_for(self, ticket: TicketFields) -> bool:
        """Whether it passed, and is for the ticket's present phase and evidence."""
        return self.passed and not self.stale_for(ticket)

    def stale_for(self, ticket: TicketFields) -> str:
        """Why it does not hold for the ticket as it is now; empty if it does."""
        if (self.ticket_id, self.phase, self.move) != (ticket.pk, ticket.phase, ticket.moves):
            return "the ticket has moved since"
        return "" if digest(ticket) == self.evidence else "its evidence has changed since"


def digest(ticket: TicketFields) -> str:
    """The digest of what a verdict on the gate of its phase would be given for."""
    row = sql.one(EVIDENCE, [ticket.pk, ticket.phase])
    assert row
    return str(row["digest"])


@sql.patiently
def run_checks(case: Case, outside: OutsideAnswers | None = None) -> list[dict[str, Any]]:
    """Every check of the phase's gate, with the reasons it finds. Without `outside`, a check that is asked
    before a judgement has the reason that nobody asked it.
    """
    checks = []
    with time_limit.limited(), limited_statements() as each:
        for number, entry in enumerate(case.gate):
            if registry.is_outside(entry):
                found = outside.reasons[number] if outside else [_not_asked(entry["check"])]
            else:
                found = registry.reasons(entry, case, each)
            reasons = [reason.as_dict() for reason in found]
            checks.append({**entry, "passed": not reasons, "reasons": reasons})
    return checks


def _not_asked(check: str) -> registry.Reason:
    how = "run the checks of the gate: this one asks another system, so it answers only then"
    return registry.Reason(check, "not_asked", "an answer on the present evidence", None, how)
