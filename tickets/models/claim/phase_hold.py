"""PhaseHold: which phases hold others in a project, as claims read it: a claim must not count the tickets of
each phase that may be full.

The database keeps `is_full` at the end of each transaction that moves a ticket (`phase_holds.sql`), so it is
exact. That a ticket waits for people too long depends on time, so a sweep finds out (`waits`), and the claim
looks once more: what ends the wait counts at once.
"""

from __future__ import annotations

import logging

from django.contrib.postgres.fields import ArrayField
from django.db import models

from agents.models import Project
from omoi_site.database import sql
from tickets.models.claim.claim_sql import WAITED_TOO_LONG
from tickets.models.workflow import Workflow

WATCHED = 500  # rows, of one run
WATCH = sql.statement(__file__, "watch_phases", waited_too_long=WAITED_TOO_LONG)
FOLLOW = "SELECT omoi_follow_full(%(project_id)s, %(workflow_id)s, %(phase)s)"
log = logging.getLogger(__name__)


class PhaseHoldManager(models.Manager["PhaseHold"]):
    def watch(self, after: int, upto: int) -> int:
        """Find out in which of the phases with these ids a ticket has waited for people too long, and count
        again where `is_full` is wrong, such as after rows were restored. Returns how many changed.
        """
        rows = sql.rows(WATCH, {"after": after, "upto": upto})
        for row in rows:
            if row["wrong"]:
                log.warning("whether a phase is full was stored wrongly", extra={"phase": row["phase"]})
                sql.rows(FOLLOW, row)
        return len(rows)


class PhaseHold(models.Model):
    """A phase of a workflow version that may hold others in a project, where there is a lane of those."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    phase = models.CharField(max_length=60)
    holds = ArrayField(models.CharField(max_length=60))
    is_full = models.BooleanField()
    waits = models.BooleanField(help_text="one of its tickets has waited for people too long, or had")

    objects = PhaseHoldManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["project"],
                name="phasehold_now",
                condition=models.Q(is_full=True) | models.Q(waits=True),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["project", "workflow", "phase"], name="phasehold_once")
        ]

    def __str__(self) -> str:
        return f"{self.phase} of {self.workflow_id} in {self.project_id}"
