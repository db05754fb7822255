"""Discovery: what an agent found while it did something else, and what became of it.

It is recorded with the completion. The workflow says what becomes of its type; without a word, it stays open
until a person decides. What was found never changes, and is decided once: a trigger sees to both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import models

from agents.models import Actor, Agent, Project, label, rights, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from omoi_site.errors import Invalid, OmoiError, short
from omoi_site.redaction import redact_text
from tickets.models.discovery import found_work
from tickets.models.discovery.fields import DiscoveryFields
from tickets.models.discovery.new_discovery import MOST
from tickets.models.gate.check_run import WORKFLOW
from tickets.models.task.need import Need
from tickets.workflows import discovery_types

if TYPE_CHECKING:
    from tickets.models.claim.outcome import Outcome
    from tickets.models.ticket.ticket import Ticket

OPEN = models.Q(state="open")
LOCK_PROJECT = "SELECT FROM agents_project WHERE id = %s FOR NO KEY UPDATE"


class AlreadyDecided(OmoiError):
    """Somebody has decided about this discovery before."""

    code = "already_decided"
    title = "This discovery has been decided"


class DiscoveryQuerySet(models.QuerySet["Discovery"]):
    def seen_by(self, who: Actor) -> DiscoveryQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def open(self) -> DiscoveryQuerySet:
        """Those about which a person must decide."""
        return self.filter(OPEN)

    @staticmethod
    def lock_before(projects: list[int]) -> None:
        """What must be locked before the tickets of discoveries: work made of them may need the graph of its
        project, or the next number of a ticket.
        """
        for project in sorted(projects):
            Need.objects.lock_graph(project)
            sql.rows(LOCK_PROJECT, [project])

    def found_by(self, outcome: Outcome, *, by: Agent) -> list[Discovery]:
        """What was found by an outcome that is not settled yet. Raises Invalid with the first fault."""
        if len(outcome.discoveries) > MOST:
            raise Invalid(f"at most {MOST} discoveries are allowed", field="discoveries")
        found: list[Discovery] = []
        for place, new in enumerate(outcome.discoveries):
            discovery = Discovery(
                task_id=outcome.task,
                fence=outcome.fence,
                place=place,
                type=discovery_types.normal(new.type),
                title=short(redact_text(new.title), field_limits.longest(self.model, "title")),
                body=redact_text(new.body),
                by=label(by),
                via=via(by),
            )
            try:
                sql.check(discovery, without=["ticket", "project", "task", "made_task", "made_ticket", "at"])
            except Invalid as fault:
                raise fault.inside(f"discoveries.{place}") from None
            found.append(discovery)
        return found

    def record(self, found: Sequence[Discovery], ticket: Ticket, *, by: Agent) -> None:
        """Record what was found by an outcome that was settled in this transaction, and make of it what the
        workflow says. The verb that settled it has checked the right and locked the ticket.
        """
        for discovery in found:
            discovery.ticket, discovery.project_id = ticket, ticket.project_id
            discovery.save(force_insert=True)
            data = {"discovery": str(discovery.pk), "type": discovery.type, "task": str(discovery.task_id)}
            ticket.record("discovery.recorded", by=by, data=data)
            discovery.follow_workflow(ticket)

    @sql.atomic
    def decide(self, pk: int, decision: str, *, by: Actor, reason: str = "") -> Discovery:
        """Make a `task` or a `ticket` of an open discovery, or let it be `dismissed`, with a reason. Raises
        AlreadyDecided if it is not open, and Invalid for another decision.
        """
        if decision not in Discovery.DECISIONS:
            raise Invalid(f"a discovery becomes one of {', '.join(Discovery.DECISIONS)}", field="as")
        found = self.select_related("project").get(pk=pk)
        rights.require(by, "tickets:write", found.project)
        dismissed = decision == Discovery.State.DISMISSED
        reason = field_limits.reason(reason, int(dismissed), "say why it is dismissed")
        self.lock_before([found.project_id])
        ticket = found_work.locked(found.ticket_id)
        discovery = self.select_for_update(no_key=True).get(pk=pk)
        if discovery.state != Discovery.State.OPEN:
            raise AlreadyDecided(discovery.outcome_sentence, state=discovery.state)
        if decision == Discovery.State.TASK:
            discovery.become_task(ticket, by=by, reason=reason)
        elif decision == Discovery.State.TICKET:
            discovery.become_ticket(ticket, by=by, reason=reason)
        elif dismissed:
            discovery.decided(Discovery.State.DISMISSED, ticket, by=by, reason=reason)
        return discovery


class Discovery(DiscoveryFields):
    application_privileges = NO_DELETE

    objects = DiscoveryQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["ticket", "id"], name="discovery_of_ticket"),
            # the attention list
            models.Index(fields=["project", "at", "id"], name="discovery_open", condition=OPEN),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task", "fence", "place"], name="discovery_once"),
            models.CheckConstraint(
                condition=models.Q(state="task", made_task__isnull=False, made_ticket__isnull=True)
                | models.Q(state="ticket", made_task__isnull=True, made_ticket__isnull=False)
                | models.Q(state__in=["open", "dismissed"], made_task__isnull=True, made_ticket__isnull=True),
                name="discovery_became",
            ),
        ]

    def follow_workflow(self, ticket: Ticket) -> None:
        """Make of it what the workflow says. If that cannot be, it stays open and says why."""
        rule = ticket.plan.discoveries.get(self.type)
        if rule is None:
            return
        try:
            self._follow(rule, ticket)  # what it calls writes all or nothing
        except OmoiError as fault:
            self.reason = short(fault.message, field_limits.REASON)
            self.state, self.made_task, self.made_ticket = Discovery.State.OPEN, None, None
            self.decided_by, self.decided_at = "", None
            self.save(update_fields=["reason"])
            ticket.record(
                "discovery.follow_failed", by=WORKFLOW, reason=self.reason, data={"discovery": str(self.pk)}
            )

    def _follow(self, rule: dict[str, Any], ticket: Ticket) -> None:
        if rule["make"] == "ticket":
            return self.become_ticket(ticket, by=WORKFLOW)
        if refusal := found_work.left(ticket, rule):
            return self.become_ticket(
                ticket, by=WORKFLOW, reason=f"A ticket and not a task, because {refusal.message}"
            )
        return self.become_task(ticket, by=WORKFLOW)

    def become_task(self, ticket: Ticket, *, by: Actor, reason: str = "") -> None:
        """Become a task of its ticket, which is locked. Raises PhaseLeft if no work can be done there."""
        self.made_task_id = found_work.add_task(self, ticket, by=by)
        self.decided(Discovery.State.TASK, ticket, by=by, reason=reason)

    def become_ticket(self, ticket: Ticket, *, by: Actor, reason: str = "") -> None:
        """Become a ticket of its own, linked to its ticket, which is locked."""
        self.made_ticket_id = found_work.open_ticket(self, ticket, by=by)
        self.decided(Discovery.State.TICKET, ticket, by=by, reason=reason)

    def decided(self, state: str, ticket: Ticket, *, by: Actor, reason: str = "") -> None:
        self.state, self.decided_by = state, label(by)
        self.reason = short(reason, field_limits.REASON)
        self.decided_at = sql.ClockTimestamp()
        self.save(update_fields=["state", "made_task", "made_ticket", "decided_by", "decided_at", "reason"])
        self.refresh_from_db(fields=["decided_at"])
        made = {"task": self.made_task_id, "ticket": self.made_ticket_id}
        data = {"discovery": str(self.pk), "as": state, **{k: str(v) for k, v in made.items() if v}}
        ticket.record("discovery.decided", by=by, reason=self.reason, data=data)
