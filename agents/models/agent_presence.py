"""AgentPresence: when an agent was last heard from, and in what condition."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from omoi_site.database import sql

MINUTES = 1440  # in which it is known whether an agent was heard from
# The bit of a minute is the last one; those before move to the left as time goes on.
MINUTE = f"1::bit({MINUTES})"
MINUTE_OF = "floor(extract(epoch FROM {at}) / 60)::int"


def passed(since: str, at: str) -> str:
    """SQL: how many minutes have begun between two times; after a step back of the clock none."""
    return f"greatest(0, {MINUTE_OF.format(at=at)} - {MINUTE_OF.format(at=since)})"


# The minutes of presence `p`, which is heard from at the time of `excluded`.
HEARD = f"(p.minutes << {passed('p.last_seen_at', 'excluded.last_seen_at')}) | {MINUTE}"
SEEN = sql.statement(__file__, "seen", minute=MINUTE, heard=HEARD)
SHARED_WITHIN_S = 60  # processes heard from within this time live at the same time
SHARED_FOR_S = 120  # so long it counts as shared after it was last seen to be
MOST_INSTANCES = 8
NOTICE_SHARED = sql.statement(__file__, "notice_shared", shared_for=f"interval '{SHARED_FOR_S} s'")


class AgentPresenceQuerySet(models.QuerySet["AgentPresence"]):
    def seen(self, ages: dict[int, float]) -> None:
        """These agents were last heard from so many seconds ago."""
        sql.rows(SEEN, {"ids": list(ages), "ages": list(ages.values())})

    def notice_shared(self, agent: int) -> bool:
        """Several processes work under the name of this agent, whose row is locked. Returns whether that is
        new.
        """
        row = sql.one(NOTICE_SHARED, {"agent": agent})
        return bool(row and row["new"])


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
    instances = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        editable=False,
        help_text="its processes of the last minute: when each was first and last heard from",
    )
    shared_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="since when several processes work under its name"
    )
    shared_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when that was last seen"
    )

    minutes = sql.BitField(
        MINUTES,
        db_default="0" * MINUTES,
        editable=False,
        help_text="those of the last day in which it was heard from, as bits: the last one is the minute of"
        " `last_seen_at`",
    )

    objects = AgentPresenceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"presence of {self.agent}"
