"""Settlements and the next claim in one act, for agents whose tasks are shorter than a round trip."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from agents.models import Agent, Project
from omoi_site.database import sql
from tickets.models.claim.claim import GRANTED, Claim, Claiming, asking
from tickets.models.claim.outcome import Outcome, Settlement
from tickets.models.claim.settle import Settling
from tickets.models.explain.conditions import LEASE_HOLDS
from tickets.models.task.record import TaskRecord

Row = TypeVar("Row", bound=TaskRecord)

# Before anything else: locks are taken in the order of all verbs, the agent, its tasks, their children; what
# is claimed is never waited for.
FIRST = "SELECT FROM agents_agent WHERE id = %s FOR NO KEY UPDATE"
# What an act has granted, as far as it is still held.
STILL_HELD = f"""
SELECT {GRANTED} FROM tickets_task t
WHERE t.holder_id = %(agent)s AND t.granted_with = %(granted_with)s AND {LEASE_HOLDS} ORDER BY t.rank, t.id
"""


class SettlingAndClaiming(Settling[Row], Claiming[Row]):
    @sql.joined
    def settle_and_claim(
        self,
        outcomes: Sequence[Outcome],
        *,
        by: Agent,
        limit: int = 1,
        lease_s: int = 60,
        capabilities: Sequence[str] | None = None,
        phases: Sequence[str] | None = None,
        project: Project | None = None,
    ) -> tuple[list[Settlement], list[Claim]]:
        """Settle, and take up to `limit` of the tasks that are ready then; none where `claim` would refuse:
        what is settled stands either way.

        The same act again is answered with the claims it granted, as long as they are held. Whose claims are
        all lost is granted nothing.
        """
        asked = asking(by, limit, lease_s, capabilities, phases, project) | {"granted_with": mark(outcomes)}
        sql.rows(FIRST, [by.pk])
        settled = self.settle(outcomes, by=by)
        if all(one.lost for one in settled):
            return settled, []
        granted = sql.rows(STILL_HELD, asked) if all(one.lost or one.again for one in settled) else []
        return settled, self._brief(granted or self._take(asked))


def mark(outcomes: Sequence[Outcome]) -> str:
    """The same for the same act again: of the claims it settles."""
    claims = sorted({(outcome.task, outcome.fence) for outcome in outcomes})
    return hashlib.sha256(repr(claims).encode()).hexdigest()[:32]
