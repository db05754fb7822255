"""The journal: every act is one row, written in the act's transaction, never changed.

A row is the truth; the ring on `omoi_events` after commit is only a doorbell (a trigger rings once a statement). Inside a
subject its running number is the order; between subjects use the cursors of `EventQuerySet`.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from agents.models.actor import label, via
from omoi_site import db


class EventQuerySet(models.QuerySet["Event"]):
    def current_cursor(self) -> str:
        """Where a live follower starts: what this snapshot has seen (opaque)."""
        row = db.one("SELECT pg_current_snapshot()::text AS cursor")
        assert row
        return row["cursor"]


class Event(models.Model):
    id = models.BigAutoField(primary_key=True)
    xid = db.XidField(db_default=db.CurrentXid(), editable=False)
    at = models.DateTimeField(db_default=db.ClockTimestamp(), editable=False)
    project_id = models.BigIntegerField(null=True)  # no foreign keys: the journal outlives what it tells of
    topic = models.CharField(max_length=120, help_text="whose followers hear of it: ticket:OMO-142, agent:ada, project:OMO")
    subject = models.CharField(max_length=120, help_text="what it happened to: task:17, ticket:OMO-142, agent:ada")
    number = models.PositiveIntegerField(help_text="the subject's own running number")
    kind = models.CharField(max_length=60, help_text="noun.past_tense")
    actor = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True, help_text="prefix of the key the actor came with")
    data = models.JSONField(default=dict)
    reason = models.TextField(blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["xid", "id"]
        indexes = [
            models.Index(fields=["xid", "id"], name="event_order"),
            models.Index(fields=["topic", "xid", "id"], name="event_topic"),
            models.Index(fields=["project_id", "xid", "id"], name="event_project"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} by {self.actor}"


class Journaled(models.Model):
    """Something the journal tells of: `events` is the number of its last event."""

    events = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def topic(self) -> str:
        raise NotImplementedError(type(self))

    @property
    def subject(self) -> str:
        return self.topic

    @property
    def project_for_journal(self) -> int | None:
        return None

    def record(self, kind: str, *, by: Any, data: dict[str, Any] | None = None, reason: str = "") -> None:
        """Write one event of this row, in the transaction of the act it tells of."""
        table = self._meta.db_table
        row = db.one(f"UPDATE {table} SET events = events + 1 WHERE id = %s RETURNING events", [self.pk])
        assert row, f"{self} is not stored"
        self.events = row["events"]
        Event.objects.create(
            project_id=self.project_for_journal,
            topic=self.topic,
            subject=self.subject,
            number=self.events,
            kind=kind,
            actor=label(by),
            key=via(by),
            data=data or {},
            reason=reason,
        )
