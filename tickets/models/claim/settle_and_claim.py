"""Settles and claims in one act, for agents whose tasks are shorter than a round trip."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar, Unpack

from agents.models import Agent
from omoi_site.database import prepared, sql
from tickets.models.claim.claim import Claiming, ClaimOptions, claim_params, expect_phases
from tickets.models.claim.claim_sql import BRIEF, CLAIM_NEXT, GRANTED, LOCK_AGENT
from tickets.models.claim.granted_claim import Claim, claim_of, claims_of
from tickets.models.claim.outcome import Outcome, Settlement
from tickets.models.claim.settle import Settling
from tickets.models.explain.sql_fragments import LEASE_HOLDS
from tickets.models.task.fields import TaskFields
from tickets.models.task.open_needs import hint_work

Row = TypeVar("Row", bound=TaskFields)

MOST_HELD = 200  # claims
# The tasks that the agent still holds: those that an act has granted, or all.
STILL_HELD = sql.statement(
    __file__,
    "still_held",
    granted=GRANTED,
    brief=BRIEF,
    lease_holds=LEASE_HOLDS.strip(),
    most=str(MOST_HELD),
)


class SettlingAndClaiming(Settling[Row], Claiming[Row]):
    def settle_and_claim(
        self,
        outcomes: Sequence[Outcome],
        *,
        by: Agent,
        **options: Unpack[ClaimOptions],
    ) -> tuple[list[Settlement], list[Claim]]:
        """Settle, then claim from the tasks that are ready, with the options of `claim`. If `claim` would
        raise, nothing is granted, but the settlements stay; if no workflow has one of `phases`, nothing is
        settled either. No worker is told of ready tasks that this act
        has granted again.

        Repeating the act returns the claims that it granted and that are still held. If all claims to settle
        are lost, nothing is granted. Tasks of guarded lanes are granted right after the settlements are
        stored.
        """
        params = claim_params(by, **options) | {"granted_with": mark(outcomes)}
        expect_phases(
            params, field="next.phases"
        )  # before all else, so that the act can be repeated as a whole
        settled, claims, guards, assigned = self._settle_and_claim(outcomes, by, params)
        if assigned:  # or taken back since: then what the agent can claim
            claims = claims_of(self._deliver(params) or self._take(params))
        if guards:
            rows, _ = self._take_guarded(params, guards)
            claims = claims_of(rows)
        return settled, claims

    @sql.joined
    def _settle_and_claim(
        self, outcomes: Sequence[Outcome], by: Agent, params: dict[str, Any]
    ) -> tuple[list[Settlement], list[Claim], list[int], bool]:
        """Also returns the projects of guarded lanes that have work, if nothing is granted because of them;
        and whether something was assigned to the agent by hand, which is to be delivered.
        """
        # the agent first of all: every verb locks it, then its tasks, then their children; a claim never
        # waits for a task
        settled, freed = self._settle(outcomes, by, lock=LOCK_AGENT)
        guards: list[int] = []
        assigned = False
        claims: list[Claim] = []
        if not all(settlement.lost for settlement in settled):
            repeated = all(settlement.lost or settlement.repeated for settlement in settled)
            granted = sql.rows(STILL_HELD, params) if repeated else []
            rows = granted or prepared.rows(CLAIM_NEXT, params | {"locked": True}, last=True)
            assigned = bool(rows and rows[0].get("assigned"))
            guards = next((row["guards"] for row in rows if row.get("guards")), [])
            claims = claims_of(rows)
        hint_work(set(freed) - {claim.task for claim in claims})
        return settled, claims, guards, assigned

    def held_by(self, agent: Agent) -> list[Claim]:
        """The claims that the agent holds now, with all that a holder needs to go on, most urgent first."""
        rows = sql.rows(STILL_HELD, {"agent": agent.pk, "granted_with": None})
        return [claim_of(row) for row in rows]


def mark(outcomes: Sequence[Outcome]) -> str:
    """A mark of the claims to settle, equal if the act is repeated."""
    claims = sorted({(outcome.task, outcome.fence) for outcome in outcomes})
    return hashlib.sha256(repr(claims).encode()).hexdigest()[:32]
