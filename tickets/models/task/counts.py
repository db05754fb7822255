"""How a ticket's tasks stand, counted for many tickets at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omoi_site.database import sql
from tickets.models.explain.conditions import HEARD
from tickets.models.task.conditions import READY

TALLY = f"""
SELECT t.ticket_id AS ticket, count(*) FILTER (WHERE t.state = 'completed') AS done, count(*) FILTER (WHERE t.state = 'claimed') AS running,
       count(*) FILTER (WHERE t.state = 'failed') AS failed, count(*) FILTER (WHERE t.state = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE t.state = 'pending' AND t.unsatisfiable) AS stuck,
       count(*) FILTER (WHERE {READY}) AS ready,
       count(*) FILTER (WHERE t.state = 'pending' AND NOT t.unsatisfiable AND NOT ({READY})) AS waiting,
       min(t.id) FILTER (WHERE t.state = 'failed') AS first_failed, min(t.id) FILTER (WHERE t.state = 'pending' AND t.unsatisfiable) AS first_stuck,
       min(t.id) FILTER (WHERE {READY}) AS first_ready, (array_agg(t.lane_id ORDER BY t.id) FILTER (WHERE {READY}))[1] AS ready_lane,
       min(t.id) FILTER (WHERE t.state = 'pending' AND NOT ({READY}) AND NOT t.unsatisfiable) AS first_waiting,
       min(t.id) FILTER (WHERE t.state = 'claimed' AND coalesce(p.last_seen_at < clock_timestamp() - {HEARD}, true)) AS first_silent,
       coalesce(array_agg(DISTINCT a.name) FILTER (WHERE a.name IS NOT NULL), '{{}}') AS agents
FROM tickets_task t LEFT JOIN agents_agent a ON a.id = t.holder_id
LEFT JOIN agents_agentpresence p ON p.agent_id = a.id WHERE t.ticket_id = ANY (%s) GROUP BY 1
"""


@dataclass(frozen=True)
class Tally:
    """Tasks of one ticket by how they stand; `stuck` cannot start any more by itself."""

    done: int = 0
    running: int = 0
    failed: int = 0
    stuck: int = 0
    ready: int = 0
    waiting: int = 0
    cancelled: int = 0
    first_failed: int | None = None
    first_stuck: int | None = None
    first_ready: int | None = None
    ready_lane: int | None = None
    first_waiting: int | None = None
    first_silent: int | None = None
    agents: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All but the cancelled: what there is to do."""
        return self.done + self.running + self.failed + self.stuck + self.ready + self.waiting

    @property
    def pending(self) -> int:
        return self.ready + self.waiting

    @property
    def telling(self) -> int | None:
        """The task whose obstacle says most about the ticket: a claim gone silent, a failure; what runs says
        nothing.
        """
        grave = self.first_silent or self.first_failed or self.first_stuck
        return grave or (None if self.running else self.first_ready or self.first_waiting)

    @property
    def spoken(self) -> str:
        """The task bar in words."""
        parts = [f"{self.done} of {self.total} tasks done"]
        parts += [
            f"{n} {word}"
            for n, word in [
                (self.running, "running"),
                (self.failed, "failed"),
                (self.stuck, "stuck"),
                (self.ready, "ready"),
            ]
            if n
        ]
        return ", ".join(parts)


def tallies(tickets: Iterable[int]) -> dict[int, Tally]:
    """The tally of each of these tickets, in one statement; a ticket without tasks is missing."""
    return {
        row.pop("ticket"): Tally(**{**row, "agents": tuple(row["agents"])})
        for row in sql.rows(TALLY, [list(tickets)])
    }
