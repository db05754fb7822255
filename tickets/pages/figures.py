"""The figures of the overview: a tile for each, the table behind it, and the chart of the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from omoi_site import humanize
from omoi_site.templatetags.omoi import long
from tickets.models.claim.at_work import AtWork
from tickets.models.figures.figures import Checked, Figures, Step
from tickets.pages.chart import Chart, Line, chart, small

NONE = "none"
QUEUE = "queue"
STUCK = "stuck"
CHECKS = 8  # of gates that are shown
PHASES = 12  # that are shown


@dataclass(frozen=True)
class Tile:
    """`spoken`: the line in words."""

    name: str
    label: str
    value: str
    unit: str
    notes: Sequence[str]
    tone: str
    line: Line | None = None
    spoken: str = ""


@dataclass(frozen=True)
class Table:
    """What stands behind a tile or the chart: for each time its values."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[datetime, Sequence[str]]]


@dataclass(frozen=True)
class Kind:
    """A figure of each step, and how it is written."""

    name: str
    label: str
    columns: Sequence[tuple[str, Callable[[Step], float | None]]]
    write: Callable[[float | None], str]


def count(value: float | None) -> str:
    return "–" if value is None else f"{round(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def share(value: float | None) -> str:
    return NONE if value is None else f"{value * 100:.0f}\N{NO-BREAK SPACE}%"


def seconds(value: float | None) -> str:
    if value is None:
        return NONE
    return "under 1\N{NO-BREAK SPACE}s" if value < 1 else long(value).replace(" ", "\N{NO-BREAK SPACE}")


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "throughput",
            "Throughput",
            [("Completed", lambda step: step.completed), ("Failed", lambda step: step.failed)],
            count,
        ),
        Kind(
            QUEUE,
            "Queue depth",
            [("Ready", lambda step: step.ready), ("At work", lambda step: step.claimed)],
            count,
        ),
        Kind("claiming", "Time to claim, p95", [("p95", lambda step: step.wait_p95)], seconds),
        Kind("lapses", "Lapses", [("Lapses", lambda step: step.lapsed)], count),
        Kind(
            "gates",
            "Gate failures",
            [("Judged", lambda step: step.judged), ("Not passed", lambda step: step.refused)],
            count,
        ),
        Kind(STUCK, "Stuck", [("Stuck", lambda step: step.stuck)], count),
    )
}
DATA = tuple(KINDS)  # what `?data=` may ask for


@dataclass(frozen=True)
class PhaseTime:
    """How long tickets were in a phase: the median of those that left it, in seconds and in words, and that
    of the time before. left: how many of them there were.
    """

    phase: str
    seconds: int
    now: str
    before: str
    left: int


@dataclass(frozen=True)
class FiguresShown:
    found: Figures
    stuck: int
    at_work: AtWork

    @property
    def words(self) -> str:
        return self.found.range.words

    @property
    def tiles(self) -> list[Tile]:
        return [self.throughput, self.queue, self.claiming, self.lapses, self.gates, self.stuck_tickets]

    @property
    def throughput(self) -> Tile:
        done = self.found.whole.completed
        hourly = done / self.found.range.hours
        rate = f"{hourly:.0f} an hour" if hourly >= 1 or not done else "less than one an hour"
        return self._tile(
            "throughput",
            count(done),
            "task done" if done == 1 else "tasks done",
            [rate, self._compared(done, self.found.before.completed)],
            "ok",
        )

    @property
    def queue(self) -> Tile:
        ready = self.found.ready_now
        return self._tile(
            QUEUE,
            count(ready),
            "ready task" if ready == 1 else "ready tasks",
            [f"now; {self.at_work.number_shown} at work"],
            "warn" if ready and not self.at_work.number else "info",
        )

    @property
    def claiming(self) -> Tile:
        value, before = self.found.whole.wait_p95, self.found.before.wait_p95
        grants = sum(self.found.whole.waits)
        notes = [f"of {count(grants)} task{'' if grants == 1 else 's'}" if grants else "no task was claimed"]
        if value is not None and before is not None:
            notes.append(f"{seconds(before)} before")
        return self._tile("claiming", seconds(value), "", notes, "running")

    @property
    def lapses(self) -> Tile:
        lapsed = self.found.whole.lapsed
        return self._tile(
            "lapses",
            count(lapsed),
            "lease ended" if lapsed == 1 else "leases ended",
            [self._compared(lapsed, self.found.before.lapsed)],
            "warn" if lapsed else "ok",
        )

    @property
    def gates(self) -> Tile:
        whole, before = self.found.whole, self.found.before
        notes = [f"of {count(whole.judged)} judgement{'' if whole.judged == 1 else 's'}"]
        if whole.refused_share is not None and before.refused_share is not None:
            notes.append(f"{share(before.refused_share)} before")
        tone = "bad" if whole.refused else "ok"
        return self._tile("gates", share(whole.refused_share), "", notes, tone)

    @property
    def stuck_tickets(self) -> Tile:
        return self._tile(
            STUCK,
            count(self.stuck),
            "ticket" if self.stuck == 1 else "tickets",
            ["only a person can move them on", self._since_the_begin(self.stuck)],
            "warn" if self.stuck else "ok",
        )

    def _tile(self, name: str, value: str, unit: str, notes: Sequence[str], tone: str) -> Tile:
        kind = KINDS[name]
        (_, take), *_ = kind.columns if name != "gates" else kind.columns[1:]
        values = [take(step) for step in self.found.steps]
        shown = [note for note in notes if note]
        return Tile(name, kind.label, value, unit, shown, tone, small(values), self._spoken(kind, values))

    def _compared(self, now: int, before: int) -> str:
        if not before:
            return ""
        change = round((now - before) / before * 100)
        if not change:
            return f"as in the {self.words} before"
        more = "more" if change > 0 else "fewer"
        return f"{abs(change)}\N{NO-BREAK SPACE}% {more} than in the {self.words} before"

    def _since_the_begin(self, now: int) -> str:
        first = self.found.steps[0].stuck
        change = 0 if first is None else now - round(first)
        if not change:
            return ""
        return f"{abs(change)} {'more' if change > 0 else 'fewer'} than {self.words} ago"

    def _spoken(self, kind: Kind, values: Sequence[float | None]) -> str:
        known = [value for value in values if value is not None]
        if not known:
            return f"{kind.label}: nothing known of the last {self.words}."
        low, high = kind.write(min(known)), kind.write(max(known))
        each = {1: "an hour", 6: "in six hours", 24: "a day"}[self.found.range.step_h]
        return f"{kind.label}: between {low} and {high} {each}, {kind.write(known[-1])} at the end."

    # -- the checks of gates

    @property
    def checks(self) -> list[tuple[str, Checked, str]]:
        """Name, numbers, and the share that did not pass, in words."""
        shown = self.found.checks[:CHECKS]
        return [(humanize.phase(each.name), each, share(each.refused_share)) for each in shown]

    @property
    def more_checks(self) -> int:
        return max(0, len(self.found.checks) - CHECKS)

    # -- the time in each phase

    @property
    def stays(self) -> list[PhaseTime]:
        return [
            PhaseTime(
                humanize.phase(each.phase),
                round(each.median or 0),
                seconds(each.median),
                seconds(each.median_before),
                sum(each.now),
            )
            for each in self.found.stays[:PHASES]
        ]

    @property
    def longest_stay(self) -> int:
        return max([1, *(each.seconds for each in self.stays)])

    @property
    def more_phases(self) -> int:
        return max(0, len(self.found.stays) - PHASES)

    # -- the chart of the queue

    @property
    def chart(self) -> Chart:
        lines = [[step.ready for step in self.found.steps], [step.claimed for step in self.found.steps]]
        return chart(lines, [moment(step.at, self.found.range.step_h) for step in self.found.steps])

    @property
    def chart_spoken(self) -> str:
        known = [step for step in self.found.steps if step.ready is not None]
        if not known:
            return f"Nothing is known of the queue in the last {self.words}."
        first, last = round(known[0].ready or 0), round(known[-1].ready or 0)
        verb = "rose" if last > first else "fell" if last < first else "stayed"
        change = f"{verb} from {first} to {last}" if last != first else f"stayed at {last}"
        claimed = round(known[-1].claimed or 0)
        return f"Ready tasks {change} in the last {self.words}; {claimed} were at work at the end."

    def table(self, name: str) -> Table | None:
        """The newest first."""
        if name not in KINDS:
            return None
        kind = KINDS[name]
        rows = [
            (step.at, [kind.write(take(step)) for _, take in kind.columns])
            for step in reversed(self.found.steps)
        ]
        return Table(name, kind.label, [column for column, _ in kind.columns], rows)


def moment(at: datetime, step_h: int) -> str:
    """When a step began, as an axis has it."""
    local = at.astimezone(timezone.get_current_timezone())
    return f"{local:%H:%M}" if step_h == 1 else f"{local.day} {local:%b}"
