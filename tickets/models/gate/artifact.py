"""Artifact: something submitted for a phase of a ticket.

Its content is stored once under its hash. A row never changes; a newer revision follows it.
"""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from agents.models import Actor, Agent, label, rights, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from omoi_site.errors import Invalid, OmoiError
from tickets.models.claim.fence import HELD, claims_now, lost
from tickets.models.claim.outcome import Outcome
from tickets.models.claim.progress import SHOWS_PROGRESS
from tickets.models.gate.blob import Blob
from tickets.models.gate.new_artifact import NewArtifact
from tickets.models.task.fields import TaskFields
from tickets.models.ticket.fields import TicketFields

TYPE = RegexValidator(r"\A[a-z][a-z0-9_]{0,99}\Z", "use 1 to 100 of a-z, 0-9 and '_'; begin with a letter")

# What a check may read of an artifact: omoi_evidence covers the same.
CHECKED = ("blob_id", "type", "path", "commit")
HELD_IN = f"""
WITH i AS (SELECT %(task)s::bigint AS id, %(fence)s::bigint AS fence)
UPDATE tickets_task t
SET
    {SHOWS_PROGRESS}
FROM i
WHERE t.ticket_id = %(ticket)s
  AND {HELD}
RETURNING t.id
"""


class ArtifactQuerySet(models.QuerySet["Artifact"]):
    def current(self) -> ArtifactQuerySet:
        """The newest revision of each name in each phase."""
        return self.order_by("ticket_id", "phase", "name", "-revision").distinct("ticket_id", "phase", "name")

    def submit(
        self,
        ticket: TicketFields,
        new: NewArtifact,
        *,
        by: Actor,
        task: TaskFields | None = None,
        fence: int | None = None,
    ) -> Artifact:
        """Store the next revision of this name in its phase. The same content again, of the same type, path
        and commit, returns the existing revision.

        For a task, its fence is needed: a former holder is refused with ClaimLost.
        """
        rights.require_scope(by, "work" if task else "tickets:write", ticket.project)
        blob = Blob.objects.write(new.content)
        try:
            return self._submit(ticket, new, blob, (task, fence), by=by)
        except OmoiError:
            Blob.objects.discard([blob])
            raise

    @sql.atomic
    def _submit(
        self,
        ticket: TicketFields,
        new: NewArtifact,
        blob: Blob,
        claim: tuple[TaskFields | None, int | None],
        *,
        by: Actor,
    ) -> Artifact:
        task, fence = claim
        rights.require(by, "work" if task else "tickets:write", ticket.project)
        Blob.objects.keep(blob, new.content)
        row = ticket.lock_in_order([ticket.pk])[ticket.pk]
        if task is not None:
            holder = by.pk if isinstance(by, Agent) else None
            if not sql.rows(HELD_IN, {"task": task.pk, "ticket": row.pk, "fence": fence, "agent": holder}):
                now = claims_now([task.pk], holder) if task.ticket_id == row.pk else {}
                raise lost(now.get(task.pk), fence)
        source = {
            "task_id": None if task is None else task.pk,
            "fence": fence,
            "by": label(by),
            "key": via(by),
        }
        return self._add_revision(row, blob, new, source, by=by)

    def attach(self, outcome: Outcome, ticket: TicketFields, *, by: Agent) -> None:
        """Store the artifacts of an outcome that was settled in this transaction. The verb that settled it
        has checked the right.
        """
        source = {"task_id": outcome.task, "fence": outcome.fence, "by": label(by), "key": via(by)}
        for index, new in enumerate(outcome.artifacts):
            try:
                self._add_revision(ticket, Blob.of(new.content), new, source, by=by)
            except Invalid as fault:
                raise fault.inside(f"artifacts.{index}") from None

    def _add_revision(
        self, ticket: TicketFields, blob: Blob, new: NewArtifact, source: dict[str, Any], *, by: Actor
    ) -> Artifact:
        """`ticket` must be locked. source: the fields of the row that say where it comes from."""
        phase = new.phase.upper().removeprefix("PHASE_") or (
            ticket.phase if ticket.phase in ticket.plan else ticket.origin
        )
        if phase not in ticket.plan:
            raise Invalid(f"{phase} is not a phase of {ticket.workflow}", field="phase")
        name = new.name or new.type
        newest = self.filter(ticket=ticket, phase=phase, name=name).order_by("-revision").first()
        artifact = self.model(
            ticket=ticket,
            phase=phase,
            name=name,
            revision=newest.revision + 1 if newest else 1,
            type=new.type,
            blob=blob,
            path=new.path,
            commit=new.commit,
            **source,
        )
        sql.check(artifact, without=["blob", "ticket", "task", "at"])
        if newest and newest.is_like(artifact):
            return newest
        artifact.save(force_insert=True)
        data = {
            "type": new.type,
            "name": name,
            "phase": phase,
            "revision": artifact.revision,
            "hash": blob.hash,
            "size": blob.size,
            **({"commit": new.commit} if new.commit else {}),
        }
        ticket.record("artifact.handed_in", by=by, data=data)
        ticket.hint_advance()
        return artifact


class Artifact(models.Model):
    application_privileges = INSERT_ONLY

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="artifacts", db_index=False)
    phase = models.CharField(max_length=60)
    name = models.CharField(max_length=200, validators=[field_limits.shown, field_limits.not_blank])
    revision = models.PositiveIntegerField()
    type = models.CharField(max_length=100, validators=[TYPE])
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", db_index=False)
    path = models.CharField(max_length=500, blank=True, validators=[field_limits.shown])
    commit = models.CharField(max_length=100, blank=True, validators=[field_limits.shown])
    task = models.ForeignKey("tickets.Task", models.PROTECT, null=True, blank=True, related_name="artifacts")
    fence = models.BigIntegerField(null=True, blank=True)
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "phase", "name", "revision"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "phase", "name", "revision"], name="artifact_revision")
        ]

    def __str__(self) -> str:
        return f"{self.name} r{self.revision} of {self.ticket_id}"

    @property
    def hash(self) -> str:
        return self.blob_id

    def is_like(self, other: Artifact) -> bool:
        """Whether nothing that a check may read differs, so that the other would be no new revision."""
        return all(getattr(self, name) == getattr(other, name) for name in CHECKED)
