"""PhaseMove: one row of a ticket's history.

The phase trigger requires one for every change of phase. It never changes.
"""

from __future__ import annotations

from django.db import models

from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY


class PhaseMove(models.Model):
    application_privileges = INSERT_ONLY

    class Ground(models.TextChoices):
        BORN = "born"
        UNGATED = "ungated"
        VERDICT = "verdict"
        BACK = "back"
        BLOCKED = "blocked"
        UNBLOCKED = "unblocked"
        CANCELLED = "cancelled"
        REOPENED = "reopened"
        FORCED = "forced"
        IMPORTED = "imported"

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="history")
    move = models.PositiveIntegerField(help_text="number of the move; 0 is the creation")
    from_phase = models.CharField(max_length=60, null=True)
    to_phase = models.CharField(max_length=60)
    ground = models.CharField(max_length=10, choices=Ground)
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    xid = sql.XidField(db_default=sql.CurrentXid(), editable=False)
    artifacts = models.JSONField(
        default=dict, help_text="hashes of the artifacts at that time, by phase and name"
    )
    past_limit = models.BooleanField(
        default=False,
        db_default=False,
        help_text="a person moved it into a full phase on purpose",
    )
    verdict = models.ForeignKey(
        "tickets.Verdict", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["ticket", "move"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "move"], name="history_move_once"),
            models.CheckConstraint(
                condition=models.Q(past_limit=False) | models.Q(by__startswith="user:"),
                name="history_past_limit_by_a_person",
            ),
        ]
        # few rows: a workflow's statistics look for them among all others
        indexes = [
            models.Index(
                fields=["ground", "ticket", "at"],
                name="history_cancelled",
                condition=models.Q(ground__in=["cancelled", "reopened"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_phase or '(birth)'} -> {self.to_phase}: {self.ground}"
