"""AgentPresence: when an agent was last heard from, and in what condition."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from omoi_site.database import sql

SEEN = sql.statement(__file__, "seen")


class AgentPresenceQuerySet(models.QuerySet["AgentPresence"]):
    def seen(self, ages: dict[int, float]) -> None:
        """These agents were last heard from so many seconds ago."""
        sql.rows(SEEN, {"ids": list(ages), "ages": list(ages.values())})


class AgentPresence(models.Model):
    """When an agent was last heard from. It is a separate row, because claims lock the agent's row."""

    agent = models.OneToOneField("agents.Agent", models.CASCADE, primary_key=True, related_name="presence")
    last_seen_at = models.DateTimeField(db_default=Now())
    unread = models.PositiveIntegerField(default=0)
    word = models.CharField(
        max_length=20,
        blank=True,
        db_default="",
        help_text="the condition it last reported; `degraded` has an effect",
    )
    metrics = models.JSONField(default=dict, db_default={}, blank=True)

    objects = AgentPresenceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"presence of {self.agent}"
