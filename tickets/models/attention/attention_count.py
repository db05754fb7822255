"""AttentionCount: how many items of a kind there are in a project, as a sweep counted them last."""

from __future__ import annotations

from django.db import models

SWEEP = "count_attention"
EVERY_S = 5
FRESH = "interval '15 s'"  # what was counted longer ago is counted anew by whoever asks: no clock runs


class AttentionCount(models.Model):
    project_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    who = models.CharField(max_length=20, help_text="the role that must act")
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project_id", "kind", "who"], name="attentioncount_once")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} in {self.project_id}"
