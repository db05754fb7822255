"""One run: the crew works until nothing is open, the chaos strikes meanwhile, the judge has the last word."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agents.models import Project
from omoi_site.database import sql
from tickets.models import Ticket
from tickets.simulation.agent import Orders
from tickets.simulation.chaos import Chaos
from tickets.simulation.crew import Crew
from tickets.simulation.judge import Before, judge
from tickets.simulation.list_schedule import list_schedule
from tickets.simulation.report import Heard, Report

LOOK_EVERY_S = 0.05
COUNT_EVERY_S = 1.0
NOTHING_MOVES_S = 60.0  # longer than any sweep's cadence: what still waits then, waits for somebody

LEFT = """
SELECT count(*) AS open, count(*) FILTER (WHERE state = 'claimed' OR not_due) AS moving, min(ticket_key || '.' || id) AS one
FROM tickets_task WHERE id = ANY (%s) AND state IN ('pending', 'claimed')
"""


@dataclass
class Run:
    """A crew of `orders` in `project`; `advance(n)` is told how many more tasks are done."""

    project: Project
    orders: list[Orders]
    limit_s: float = 600
    advance: Callable[[int], object] = lambda n: None
    heard: Heard = field(default_factory=Heard)
    chaos: Chaos | None = None
    ended: str = ""  # why it ended before everything was done

    def carry_out(self, before: Before) -> Report:
        """Work until nothing is open, or until the limit, Ctrl-C or a standstill; the report tells either
        way.
        """
        began = time.monotonic()
        crew = Crew(self.orders)
        with stoppable():
            try:
                with crew:
                    self._watch(crew, before, began)
                self._wait_for_tickets()
            except KeyboardInterrupt:
                self.ended = "it was interrupted"
        self._hear(crew)
        seconds = time.monotonic() - began
        return Report(
            verdict=judge(self.project, before, self.heard.acknowledged),
            heard=self.heard,
            killed=dict(self.chaos.killed) if self.chaos else {},
            bound_s=self._bound_s(before),
            seconds=round(seconds, 3),
            ended=self.ended,
        )

    def _watch(self, crew: Crew, before: Before, began: float) -> None:
        counted, moved = 0.0, began
        while True:
            if self._hear(crew):
                moved = time.monotonic()
            now, done = time.monotonic(), len(self.heard.acknowledged)
            if self.chaos:
                self.chaos.strike(done)
            if now - counted > COUNT_EVERY_S or done >= len(before.open):
                counted = now
                left = sql.rows(LEFT, [list(before.open)])[0]
                if not left["open"]:
                    return
                if left["moving"]:
                    moved = now
                if now - moved > NOTHING_MOVES_S:
                    self.ended = (
                        f"nothing moved for {NOTHING_MOVES_S:g} s, and {left['open']} tasks are open;"
                        f" ask why: `python3 manage.py explain {left['one']}`"
                    )
                    return
            if self.heard.failures:
                self.ended = f"an agent gave up: {self.heard.failures[0]}"
                return
            if not crew.working:
                self.ended = "every agent has ended"
                return
            if now - began > self.limit_s:
                self.ended = f"the limit of {self.limit_s:g} s is over"
                return
            time.sleep(LOOK_EVERY_S)

    def _hear(self, crew: Crew) -> int:
        """Take in what was said; returns how many tasks were done."""
        before = len(self.heard.acknowledged)
        for line in crew.news():
            self.heard.take(line)
        done = len(self.heard.acknowledged) - before
        self.advance(done)
        return done

    def _wait_for_tickets(self) -> None:
        """A ticket moves on after its last task, by a hint or a sweep: give both their time."""
        until = time.monotonic() + NOTHING_MOVES_S
        while not self.ended:
            waiting = Ticket.objects.due_to_advance().filter(project=self.project).count()
            if not waiting:
                return
            if time.monotonic() > until:
                self.ended = f"{waiting} tickets stay in a phase whose tasks are all done"
            time.sleep(0.2)

    def _bound_s(self, before: Before) -> float | None:
        """Seconds a crew without overhead would need; None where the work takes no time, so that the bound
        would say nothing.
        """
        orders = self.orders[0]
        durations = before.work if orders.speed else {}
        work = {
            task: durations[task] / (orders.speed or 1) if task in durations else orders.work_s
            for task in before.open
        }
        edges = [(need.parent, child) for child, needs in before.needs.items() for need in needs]
        return round(list_schedule(work, edges, len(self.orders)), 3) if any(work.values()) else None


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM stops the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
