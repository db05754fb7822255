"""Artifact: something handed in for a phase of a ticket.

Its content is kept once by its hash; a row is never changed, only followed by a newer revision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from agents.models import Actor, Agent, label, via
from omoi_site import limits
from omoi_site.database import sql
from omoi_site.errors import Invalid, TooLarge
from tickets.models.claim.held import HELD, claims_now, lost
from tickets.models.claim.outcome import Outcome
from tickets.models.task.record import TaskRecord
from tickets.models.ticket.record import TicketRecord

CHUNK = 1 << 20
LARGEST = 100 << 20
TYPE = RegexValidator(r"\A[a-z][a-z0-9_]{0,99}\Z", "1 to 100 of a-z, 0-9 and '_', a letter first")

HELD_IN = f"""
WITH i AS (SELECT %(task)s::bigint AS id, %(fence)s::bigint AS fence)
SELECT t.id FROM tickets_task t JOIN i ON {HELD} WHERE t.ticket_id = %(ticket)s FOR NO KEY UPDATE OF t
"""


class BlobQuerySet(models.QuerySet["Blob"]):
    def store(self, content: BinaryIO) -> Blob:
        """The content, stored a chunk at a time unless it is there already; raises TooLarge."""
        content.seek(0)  # a transaction that is repeated reads it again
        hash, size = hashlib.sha256(), 0
        while chunk := content.read(CHUNK):
            hash.update(chunk)
            size += len(chunk)
            if size > LARGEST:
                raise TooLarge(f"an artifact has at most {LARGEST >> 20} MiB", limit_bytes=LARGEST)
        content.seek(0)
        # two who bring the same at the same time: one stores, the other waits for it
        made = sql.one(
            "INSERT INTO tickets_blob (hash, size) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING hash",
            [hash.hexdigest(), size],
        )
        if made:
            for number, chunk in enumerate(iter(lambda: content.read(CHUNK), b"")):
                Chunk.objects.create(blob_id=made["hash"], number=number, data=chunk)
        return self.model(hash=hash.hexdigest(), size=size)


class Blob(models.Model):
    hash = models.CharField(max_length=64, primary_key=True, help_text="SHA-256, hex")
    size = models.BigIntegerField(help_text="bytes")

    objects = BlobQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.hash[:12]} ({self.size} bytes)"

    def pieces(self) -> Iterator[bytes]:
        """The content, a chunk at a time."""
        for number in range(-(-self.size // CHUNK)):
            yield bytes(self.chunks.get(number=number).data)


class Chunk(models.Model):
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "number"], name="chunk_once")]

    def __str__(self) -> str:
        return f"{self.blob_id[:12]} {self.number}"


class ArtifactQuerySet(models.QuerySet["Artifact"]):
    def current(self) -> ArtifactQuerySet:
        """The newest revision of each name in each phase."""
        return self.order_by("ticket_id", "phase", "name", "-revision").distinct("ticket_id", "phase", "name")

    @sql.atomic
    def hand_in(
        self,
        *,
        ticket: TicketRecord,
        type: str,
        content: BinaryIO,
        by: Actor,
        name: str = "",
        phase: str = "",
        path: str = "",
        commit: str = "",
        task: TaskRecord | None = None,
        fence: int | None = None,
    ) -> Artifact:
        """The next revision of `name` (else the type) in `phase` (else where the ticket stands). The same
        content again is the revision that is there.

        With a task its fence is needed: what an old holder brings is refused with ClaimLost.
        """
        blob = Blob.objects.store(content)
        row = ticket.lock([ticket.pk])[ticket.pk]
        if task is not None:
            holder = by.pk if isinstance(by, Agent) else None
            if not sql.rows(HELD_IN, {"task": task.pk, "ticket": row.pk, "fence": fence, "agent": holder}):
                raise lost(claims_now([task.pk], holder).get(task.pk) if task.ticket_id == row.pk else None)
        holding = None if task is None else task.pk
        return self._next(
            row,
            blob,
            type,
            by=by,
            name=name,
            phase=phase,
            path=path,
            commit=commit,
            task=holding,
            fence=fence,
        )

    def attach(self, outcome: Outcome, ticket: TicketRecord, *, by: Agent) -> None:
        """The artifacts of an outcome that was settled in this very transaction."""
        for place, handed in enumerate(outcome.artifacts):
            blob = Blob(hash=hashlib.sha256(handed.content).hexdigest(), size=len(handed.content))
            told = {"name": handed.name, "phase": handed.phase, "path": handed.path, "commit": handed.commit}
            try:
                self._next(ticket, blob, handed.type, by=by, task=outcome.task, fence=outcome.fence, **told)
            except Invalid as fault:
                raise fault.inside(f"artifacts.{place}") from None

    def _next(
        self,
        row: TicketRecord,
        blob: Blob,
        type: str,
        *,
        by: Actor,
        name: str,
        phase: str,
        path: str,
        commit: str,
        task: int | None,
        fence: int | None,
    ) -> Artifact:
        """The next revision, of a ticket that is locked."""
        phase = phase.upper().removeprefix("PHASE_") or (row.phase if row.phase in row.plan else row.origin)
        if phase not in row.plan:
            raise Invalid(f"{phase} is not a phase of {row.workflow}", field="phase")
        name = name or type
        newest = self.filter(ticket=row, phase=phase, name=name).order_by("-revision").first()
        artifact = self.model(
            ticket=row,
            phase=phase,
            name=name,
            revision=newest.revision + 1 if newest else 1,
            type=type,
            blob=blob,
            path=path,
            commit=commit,
            task_id=task,
            fence=fence,
            by=label(by),
            key=via(by),
        )
        sql.check(artifact, without=["blob", "ticket", "task", "at"])
        if newest and (newest.blob_id, newest.type) == (blob.hash, type):
            return newest
        artifact.save(force_insert=True)
        told = {
            "type": type,
            "name": name,
            "phase": phase,
            "revision": artifact.revision,
            "hash": blob.hash,
            "size": blob.size,
        }
        row.record("artifact.handed_in", by=by, data=told)
        row.look_at_gate()
        return artifact


class Artifact(models.Model):
    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="artifacts", db_index=False)
    phase = models.CharField(max_length=60)
    name = models.CharField(max_length=200, validators=[limits.shown])
    revision = models.PositiveIntegerField()
    type = models.CharField(max_length=100, validators=[TYPE])
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", db_index=False)
    path = models.CharField(max_length=500, blank=True, validators=[limits.shown])
    commit = models.CharField(max_length=100, blank=True, validators=[limits.shown])
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
