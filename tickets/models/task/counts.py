"""Counts of tasks by status, for many tickets at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.explain.sql_fragments import HEARD
from tickets.models.task.readiness import PENDING, READY

TALLY = sql.statement(__file__, "tally", ready=READY, pending=PENDING, heard=HEARD)


@dataclass(frozen=True)
class Tally:
    """Numbers of tasks of one ticket by status; `stuck` tasks can no longer start by themselves."""

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
    holders: tuple[str, ...] = ()  # agents and people, by name

    @property
    def total(self) -> int:
        """All tasks except the cancelled ones."""
        return self.done + self.running + self.failed + self.stuck + self.ready + self.waiting

    @property
    def pending(self) -> int:
        return self.ready + self.waiting

    @property
    def telling(self) -> int | None:
        """The task whose obstacle explains most about the ticket: one with a silent holder, or a failed one.
        None if tasks run normally.
        """
        serious = self.first_silent or self.first_failed or self.first_stuck
        return serious or (None if self.running else self.first_ready or self.first_waiting)

    @property
    def as_text(self) -> str:
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
    """The tally of each of these tickets, in one statement. Tickets without tasks are missing."""
    return {
        row.pop("ticket"): Tally(**{**row, "holders": tuple(map(humanize.actor, row["holders"]))})
        for row in sql.rows(TALLY, [list(tickets)])
    }
