"""Artifact: something handed in for a phase of a ticket. Its content is kept once by its hash; a row is never changed, only followed by a newer revision."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from agents.models import label, via
from omoi_site import db
from omoi_site.errors import Invalid, TooLarge
from tickets.models.settle import LOST, lost

if TYPE_CHECKING:
    from tickets.models.task import Task
    from tickets.models.ticket import Ticket

CHUNK = 1 << 20
LARGEST = 100 << 20
TYPE = RegexValidator(r"\A[a-z][a-z0-9_]{0,99}\Z", "1 to 100 of a-z, 0-9 and '_', a letter first")
NAME = RegexValidator(r"\A[^\x00-\x1f\x7f]{1,200}\Z", "1 to 200 characters of one line")


class BlobQuerySet(models.QuerySet["Blob"]):
    def keep(self, content: BinaryIO) -> Blob:
        """The content, stored a chunk at a time unless it is there already; raises TooLarge."""
        hash, size = hashlib.sha256(), 0
        while chunk := content.read(CHUNK):
            hash.update(chunk)
            size += len(chunk)
            if size > LARGEST:
                raise TooLarge(f"an artifact has at most {LARGEST >> 20} MiB", limit_bytes=LARGEST)
        content.seek(0)
        # two who bring the same at the same time: one stores, the other waits for it
        made = db.one(
            "INSERT INTO tickets_blob (hash, size) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING hash", [hash.hexdigest(), size]
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

    @db.atomic
    def hand_in(
        self,
        *,
        ticket: Ticket,
        type: str,
        content: BinaryIO,
        by: Any,
        name: str = "",
        phase: str = "",
        path: str = "",
        commit: str = "",
        task: Task | None = None,
        fence: int | None = None,
    ) -> Artifact:
        """The next revision of `name` (else the type) in `phase` (else where the ticket stands). The same content again is the revision that is there.

        With a task its fence is needed: what an old holder brings is refused with ClaimLost.
        """
        from tickets.models.task import Task
        from tickets.models.ticket import Ticket

        blob = Blob.objects.keep(content)
        # whoever moves the ticket waits for us, and we for them: a verdict is over what is there when it is used
        row = Ticket.objects.select_for_update(no_key=True, of=("self",)).select_related("workflow").get(pk=ticket.pk)
        phase = phase.upper().removeprefix("PHASE_") or (row.phase if row.phase in row.plan else row.origin)
        if phase not in row.plan:
            raise Invalid(f"{phase} is not a phase of {row.workflow}", field="phase")
        if task is not None:
            held = Task.objects.select_for_update(no_key=True).filter(
                pk=task.pk, ticket=row, fence=fence, state="claimed", holder_id=getattr(by, "pk", None)
            )
            if not held.exists():
                raise lost(db.one(LOST, [[task.pk]]))
        name = name or type
        newest = self.filter(ticket=row, phase=phase, name=name).order_by("-revision").first()
        if newest and (newest.blob_id, newest.type) == (blob.hash, type):
            return newest
        artifact = self.model(
            ticket=row,
            phase=phase,
            name=name,
            revision=newest.revision + 1 if newest else 1,
            type=type,
            blob=blob,
            path=path,
            commit=commit,
            task=task,
            fence=fence,
            by=label(by),
            key=via(by),
        )
        db.check(artifact, without=["blob", "ticket", "task", "at"])
        artifact.save(force_insert=True)
        told = {"type": type, "name": name, "phase": phase, "revision": artifact.revision, "hash": blob.hash, "size": blob.size}
        row.record("artifact.handed_in", by=by, data=told)
        row.look_at_gate()
        return artifact


class Artifact(models.Model):
    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="artifacts", db_index=False)
    phase = models.CharField(max_length=60)
    name = models.CharField(max_length=200, validators=[NAME])
    revision = models.PositiveIntegerField()
    type = models.CharField(max_length=100, validators=[TYPE])
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", db_index=False)
    path = models.CharField(max_length=500, blank=True)
    commit = models.CharField(max_length=100, blank=True)
    task = models.ForeignKey("tickets.Task", models.PROTECT, null=True, blank=True, related_name="artifacts")
    fence = models.BigIntegerField(null=True, blank=True)
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "phase", "name", "revision"]
        constraints = [models.UniqueConstraint(fields=["ticket", "phase", "name", "revision"], name="artifact_revision")]

    def __str__(self) -> str:
        return f"{self.name} r{self.revision} of {self.ticket_id}"

    @property
    def hash(self) -> str:
        return self.blob_id
