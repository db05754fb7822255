"""Projects as pages and commands show them: people, agents, open tickets, and their limits in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from omoi_site.database import sql
from tickets.models.freeze.frozen import frozen
from tickets.models.workflow import DEFAULT

MOST = 500  # open tickets that are counted, and claims that are looked at, of each
ROWS = sql.statement(__file__, "project_rows", frozen=frozen("p.id"))


@dataclass(frozen=True)
class ProjectRow:
    """`working`: agents with claims; `in_work`: tickets with claimed tasks."""

    id: int
    key: str
    name: str
    workflow: str
    paused: bool
    pause_reason: str
    paused_at: datetime | None
    paused_phases: Sequence[str]
    frozen: bool
    max_agents: int | None
    max_tickets: int | None
    members: int
    agents: int
    tickets: int
    working: int
    in_work: int
    claims: int

    @property
    def named(self) -> bool:
        """Whether its name says more than its key."""
        return self.name != self.key

    @property
    def workflow_name(self) -> str:
        return self.workflow or DEFAULT

    @property
    def tickets_shown(self) -> str:
        return _bounded(self.tickets)

    @property
    def claims_shown(self) -> str:
        return _bounded(self.claims)

    @property
    def limits(self) -> list[tuple[str, int, int | None, bool]]:
        """What is limited: how much is in use, of how much, and whether that is all."""
        return [
            (f"{noun}{'' if (most or used) == 1 else 's'} at work", used, most, bool(most and used >= most))
            for noun, used, most in (
                ("agent", self.working, self.max_agents),
                ("ticket", self.in_work, self.max_tickets),
            )
        ]


def _bounded(number: int) -> str:
    return f"{MOST - 1}+" if number >= MOST else str(number)


def read_rows(ids: Sequence[int]) -> list[ProjectRow]:
    """These projects, in the order of their keys."""
    return [ProjectRow(**row) for row in sql.rows(ROWS, {"ids": list(ids), "most": MOST})] if ids else []
