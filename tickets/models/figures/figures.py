"""The figures of some projects over the last hours or days: `figures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone

from omoi_site.database import sql
from tickets.models.figures import wait
from tickets.models.figures.hourly import ALL
from tickets.models.task.readiness import READY

P, MEDIAN = 0.95, 0.5
MOST_READY = 1_000  # counted at this moment; of more, what was noted last is shown
FIGURES = sql.statement(__file__, "figures", ready=READY, buckets=str(wait.BUCKETS))


@dataclass(frozen=True)
class Range:
    """How far to look back: so many steps of so many hours."""

    name: str
    words: str
    steps: int
    step_h: int

    @property
    def hours(self) -> int:
        return self.steps * self.step_h


RANGES = (
    Range("24h", "24 hours", 24, 1),
    Range("7d", "7 days", 28, 6),
    Range("30d", "30 days", 30, 24),
)


@dataclass(frozen=True)
class Step:
    """What happened from `at` on. ready, claimed, stuck: the mean of the hours in which somebody looked; None
    if nobody did. waits: first grants by how long their tasks had been ready, see `wait`.
    """

    at: datetime
    completed: int = 0
    failed: int = 0
    lapsed: int = 0
    judged: int = 0
    refused: int = 0
    ready: float | None = None
    claimed: float | None = None
    stuck: float | None = None
    waits: Sequence[int] = ()

    @property
    def wait_p95(self) -> float | None:
        return wait.quantile(self.waits, P)

    @property
    def refused_share(self) -> float | None:
        return self.refused / self.judged if self.judged else None


COUNTED = [each.name for each in fields(Step) if each.name != "at"]


@dataclass(frozen=True)
class Checked:
    """How often a check of gates passed, and how often not."""

    name: str
    passed: int
    refused: int

    @property
    def total(self) -> int:
        return self.passed + self.refused

    @property
    def refused_share(self) -> float:
        return self.refused / self.total


@dataclass(frozen=True)
class Stays:
    """How long tickets were in a phase: the stays that ended in the range, and those in the time before, each
    by the bucket of its length, see `wait`.
    """

    phase: str
    now: list[int]
    before: list[int]

    @property
    def median(self) -> float | None:
        return wait.quantile(self.now, MEDIAN)

    @property
    def median_before(self) -> float | None:
        return wait.quantile(self.before, MEDIAN)


@dataclass
class Figures:
    """`steps` from the oldest on; `before`: the sums of the time before, which is as long. `stays`: of each
    phase, in the order of the workflows of these projects.
    """

    range: Range
    steps: Sequence[Step]
    before: Step
    ready_now: int
    checks: Sequence[Checked]  # those that pass least often first
    stays: Sequence[Stays]

    @cached_property
    def whole(self) -> Step:
        """The sums of all steps."""
        return _sum(self.steps)


def figures(
    projects: Sequence[int], over: Range, *, of_all: bool = False, now: datetime | None = None
) -> Figures:
    """The figures of these projects, which the reader sees. of_all: they are all that there are. They end
    with the hour of `now`.
    """
    step = timedelta(hours=over.step_h)
    now = (now or timezone.now()).astimezone(UTC)
    upto = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    rows = sql.rows(
        FIGURES,
        {
            "projects": list(projects),
            "counted": [ALL] if of_all else list(projects),
            "upto": upto,
            "steps": over.steps,
            "step_s": int(step.total_seconds()),
            "most": MOST_READY,
        },
    )
    ready, noted = rows[0]["ready_now"], rows[0]["noted"]
    steps = [
        Step(at=upto - (row["step"] + 1) * step, **{name: row[name] for name in COUNTED}) for row in rows
    ]
    return Figures(
        over,
        steps=steps[over.steps - 1 :: -1],
        before=_sum(steps[over.steps :]),
        ready_now=ready if ready < MOST_READY else max(ready, noted),
        checks=sorted(
            (Checked(name, *counts) for name, counts in rows[0]["checks"].items() if any(counts)),
            key=lambda each: (-each.refused_share, -each.refused, each.name),
        ),
        stays=_stays(rows[0]["stays"]),
    )


def _stays(rows: Sequence[dict[str, Any]]) -> list[Stays]:
    found: dict[str, Stays] = {}
    for row in rows:
        stays = found.setdefault(row["phase"], Stays(row["phase"], [0] * wait.BUCKETS, [0] * wait.BUCKETS))
        numbers = stays.before if row["before"] else stays.now
        numbers[row["bucket"]] += row["number"]
    return list(found.values())


def _sum(steps: Sequence[Step]) -> Step:
    def total(value: Callable[[Step], int]) -> int:
        return sum(map(value, steps))

    waits = [sum(numbers) for numbers in zip(*(each.waits for each in steps if each.waits), strict=True)]
    return Step(
        at=min(each.at for each in steps),
        completed=total(lambda each: each.completed),
        failed=total(lambda each: each.failed),
        lapsed=total(lambda each: each.lapsed),
        judged=total(lambda each: each.judged),
        refused=total(lambda each: each.refused),
        waits=waits,
    )
