"""Settles and claims in one act, for agents whose tasks are shorter than a round trip."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar, Unpack

from agents.models import Agent
from omoi_site.database import prepared, sql
from tickets.models.claim.claim import (
    BRIEF,
    CLAIM_NEXT,
    GRANTED,
    Claim,
    Claiming,
    ClaimOptions,
    claim_params,
    claims_of,
)
from tickets.models.claim.outcome import Outcome, Settlement
from tickets.models.claim.settle import Settling
from tickets.models.explain.sql_fragments import LEASE_HOLDS
from tickets.models.task.fields import TaskFields
from tickets.models.task.open_needs import hint_work

Row = TypeVar("Row", bound=TaskFields)

# First of all: every verb locks the agent, then its tasks, then their children; a claim never waits for a
# task.
LOCK_AGENT = "SELECT FROM agents_agent WHERE id = %(agent)s FOR NO KEY UPDATE"
# The tasks that an act granted and that are still held.
STILL_HELD = f"""
SELECT {GRANTED}, {BRIEF}
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE t.holder_id = %(agent)s
  AND t.granted_with = %(granted_with)s
  AND {LEASE_HOLDS.strip()}
ORDER BY t.rank, t.id
"""


class SettlingAndClaiming(Settling[Row], Claiming[Row]):
    @sql.joined
    def settle_and_claim(
        self,
        outcomes: Sequence[Outcome],
        *,
        by: Agent,
        **options: Unpack[ClaimOptions],
    ) -> tuple[list[Settlement], list[Claim]]:
        """Settle, then claim from the tasks that are ready, with the options of `claim`. If `claim` would
        raise, nothing is granted, but the settlements stay. No worker is told of ready tasks that this act
        has granted again.

        Repeating the act returns the claims that it granted and that are still held. If all claims to settle
        are lost, nothing is granted.
        """
        params = claim_params(by, **options) | {"granted_with": mark(outcomes), "locked": True}
        settled, freed = self._settle(outcomes, by, lock=LOCK_AGENT)
        claims: list[Claim] = []
        if not all(settlement.lost for settlement in settled):
            repeated = all(settlement.lost or settlement.repeated for settlement in settled)
            granted = sql.rows(STILL_HELD, params) if repeated else []
            claims = claims_of(granted or prepared.rows(CLAIM_NEXT, params, last=True))
        hint_work(set(freed) - {claim.task for claim in claims})
        return settled, claims


def mark(outcomes: Sequence[Outcome]) -> str:
    """A mark of the claims to settle, equal if the act is repeated."""
    claims = sorted({(outcome.task, outcome.fence) for outcome in outcomes})
    return hashlib.sha256(repr(claims).encode()).hexdigest()[:32]
