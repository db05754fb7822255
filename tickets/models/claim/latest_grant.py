"""LatestGrant: for each agent, the transaction that last granted it tasks, and from when its tasks count.

A claim reads it after it has locked the agent (`omoi_latest_grant` in tickets/migrations/sql), with a
snapshot of that moment, while the claim's own snapshot may be older. If it does not see that transaction, it
does not know all that the agent holds. Each grant inserts a row and the database removes the one before, so
that even while an old snapshot keeps all of them, the newest is the first that an index finds.
"""

from __future__ import annotations

import logging

from django.db import models

from agents.models import Agent
from omoi_site.database import sql

TOO_LATE = sql.statement(__file__, "held_before_bound")
LOWER = sql.statement(__file__, "lower_bound")
log = logging.getLogger(__name__)


class LatestGrantManager(models.Manager["LatestGrant"]):
    def recheck(self) -> int:
        """Compare `oldest_held` with the tasks that agents hold. Returns how many were wrong: such a claim
        would not count all tasks. Each is corrected and raises an alarm.
        """
        wrong = [row["holder_id"] for row in sql.rows(TOO_LATE, {"agents": None})]
        return sum(self._correct(agent) for agent in sorted(wrong))

    @sql.atomic
    def _correct(self, pk: int) -> bool:
        with Agent.objects.lock(pk=pk) as agent:
            # once more with the lock held: a claim or another process may have corrected it
            wrong = sql.one(TOO_LATE, {"agents": [pk]})
            if wrong is None:
                return False
            log.error("the bound for counting held tasks was wrong", extra={"agent": agent.name})
            sql.rows(LOWER, {"agent": pk, "oldest": wrong["oldest"]})
            agent.record(
                "alarm.raised",
                by="system:clock",
                data={
                    "was": {"oldest_held": wrong["oldest_held"].isoformat()},
                    "now": {"oldest_held": wrong["oldest"].isoformat()},
                },
                reason="a claim would not have counted all the tasks that the agent holds",
            )
        return True


class LatestGrant(models.Model):
    # no constraint: who inserts has locked the agent's row
    agent = models.ForeignKey(
        Agent, models.CASCADE, related_name="+", db_index=False, db_constraint=False, editable=False
    )
    xid = sql.XidField(db_default=sql.CurrentXid(), editable=False)
    oldest_held = models.DateTimeField(help_text="no task that the agent holds was claimed earlier")
    replaces = models.BigIntegerField(null=True, editable=False, help_text="the row before, which is removed")

    objects = LatestGrantManager()

    class Meta:
        indexes = [models.Index(fields=["agent", "id"], name="latest_grant")]

    def __str__(self) -> str:
        return f"{self.agent_id} since {self.oldest_held}"
