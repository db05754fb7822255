"""Link: a relation between tickets that blocks nothing (discovered from, tracks, relates to, …)."""

from __future__ import annotations

from django.db import models


class Link(models.Model):
    ticket = models.ForeignKey("tickets.Ticket", models.CASCADE, related_name="links")
    other = models.ForeignKey("tickets.Ticket", models.CASCADE, related_name="linked_from")
    kind = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "other", "kind"], name="link_once")]

    def __str__(self) -> str:
        return f"{self.ticket} {self.kind} {self.other}"
