"""Notice: a role is told that a ticket has entered a phase, because the workflow says so there.

It stays on the attention list until somebody of that role has seen it: they dismiss it, or they move the
ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db import models

from agents.models import Actor, Project, label, rights
from agents.models.actor import is_agent
from agents.models.scopes import ADDED, Role
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from omoi_site.errors import Forbidden

if TYPE_CHECKING:
    from tickets.models.ticket.fields import TicketFields

UNSEEN = models.Q(seen_at__isnull=True)


class NoticeQuerySet(models.QuerySet["Notice"]):
    def tell(self, ticket: TicketFields, roles: Iterable[str], *, phase: str, by: Actor) -> None:
        """Tell these roles that the ticket, which is locked or new, enters `phase`."""
        for role in roles:
            notice = self.create(ticket_id=ticket.pk, project_id=ticket.project_id, phase=phase, role=role)
            ticket.record(
                "ticket.notified", by=by, data={"phase": phase, "role": role, "notice": str(notice.pk)}
            )

    def unseen(self) -> NoticeQuerySet:
        return self.filter(UNSEEN)

    def for_roles_of(self, by: Actor, project: Any) -> NoticeQuerySet:
        """Those for a role that this person has in the project, or for a lower one. An agent has no role."""
        if isinstance(by, str) or is_agent(by):
            return self.none()
        held = rights.scopes(by, project)
        return self.filter(role__in=[role for role, scope in ADDED.items() if not scope or scope in held])

    @sql.atomic
    def dismiss(self, *, by: Actor) -> int:
        """Somebody of their role has seen those of this set that nobody has seen. Returns how many."""
        # the ticket first, as a move does
        locked = self.select_for_update(no_key=True, of=("ticket", "self"))
        notices = list(locked.select_related("ticket", "project").order_by("ticket_id", "pk"))
        for notice in notices:
            rights.require(by, ADDED[Role(notice.role)], notice.project)
            if is_agent(by):
                raise Forbidden("a notice is for people; an agent cannot dismiss it")
        unseen = [notice for notice in notices if notice.seen_at is None]
        for notice in unseen:
            data = {"phase": notice.phase, "role": notice.role, "notice": str(notice.pk)}
            notice.ticket.record("notice.dismissed", by=by, data=data)
        self._note_seen([notice.pk for notice in unseen], by=by)
        return len(unseen)

    def note_act(self, ticket: TicketFields, *, by: Actor) -> None:
        """A person who moves the ticket has seen its notices for their roles; the move is their event."""
        theirs = self.unseen().filter(ticket_id=ticket.pk).for_roles_of(by, ticket.project)
        self._note_seen(list(theirs.values_list("pk", flat=True)), by=by)

    def _note_seen(self, ids: Sequence[int], *, by: Actor) -> None:
        if ids:
            self.model._default_manager.filter(pk__in=ids).update(
                seen_at=sql.ClockTimestamp(), seen_by=label(by)
            )


class Notice(models.Model):
    application_privileges = NO_DELETE

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="notices", db_index=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    phase = models.CharField(max_length=60)
    role = models.CharField(max_length=10, choices=Role)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    seen_by = models.CharField(max_length=170, blank=True, editable=False)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "at", "id"], name="notice_unseen", condition=UNSEEN),
            models.Index(fields=["ticket"], name="notice_unseen_of_ticket", condition=UNSEEN),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="notice_role"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} entered {self.phase}, for {self.role}"
