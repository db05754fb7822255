"""One run: agents work until nothing is open while faults are injected; then an audit."""

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
from tickets.simulation.agent import AgentOptions
from tickets.simulation.agent_processes import AgentProcesses
from tickets.simulation.audit import Snapshot, audit
from tickets.simulation.fault_injection import FaultInjector
from tickets.simulation.list_schedule import list_schedule
from tickets.simulation.report import AgentMessages, Report

LOOK_EVERY_S = 0.05
COUNT_EVERY_S = 1.0
NOTHING_MOVES_S = 60.0  # longer than any sweep's interval: what still waits then needs somebody to act

LEFT = """
SELECT
  count(*) AS open,
  count(*) FILTER (WHERE state = 'claimed' OR not_due) AS moving,
  min(ticket_key || '.' || id) AS one
FROM tickets_task
WHERE id = ANY (%s)
  AND state IN ('pending', 'claimed')
"""


@dataclass
class Run:
    """Agents with these `options` in `project`. `advance(n)` is called with how many more tasks are done."""

    project: Project
    options: list[AgentOptions]
    limit_s: float = 600
    advance: Callable[[int], object] = lambda n: None
    messages: AgentMessages = field(default_factory=AgentMessages)
    faults: FaultInjector | None = None
    ended: str = ""  # why it stopped before everything was done

    def carry_out(self, before: Snapshot) -> Report:
        """Work until nothing is open, or until the limit, Ctrl-C or a standstill. Returns the report in any
        case.
        """
        began = time.monotonic()
        processes = AgentProcesses(self.options)
        with stoppable():
            try:
                with processes:
                    self._watch(processes, before, began)
                self._wait_for_tickets()
            except KeyboardInterrupt:
                self.ended = "it was interrupted"
        self._read_messages(processes)
        seconds = time.monotonic() - began
        return Report(
            audit=audit(self.project, before, self.messages.acknowledged),
            messages=self.messages,
            killed=dict(self.faults.killed) if self.faults else {},
            bound_s=self._bound_s(before),
            seconds=round(seconds, 3),
            ended=self.ended,
        )

    def _watch(self, processes: AgentProcesses, before: Snapshot, began: float) -> None:
        counted, moved = 0.0, began
        while True:
            if self._read_messages(processes):
                moved = time.monotonic()
            now, done = time.monotonic(), len(self.messages.acknowledged)
            if self.faults:
                self.faults.kill_when_due(done)
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
                        f" to see why, run `python3 manage.py explain {left['one']}`"
                    )
                    return
            if self.messages.failures:
                self.ended = f"an agent gave up: {self.messages.failures[0]}"
                return
            if not processes.working:
                self.ended = "every agent has ended"
                return
            if now - began > self.limit_s:
                self.ended = f"the limit of {self.limit_s:g} s is over"
                return
            time.sleep(LOOK_EVERY_S)

    def _read_messages(self, processes: AgentProcesses) -> int:
        """Read new messages; returns how many tasks were done."""
        before = len(self.messages.acknowledged)
        for line in processes.news():
            self.messages.take(line)
        done = len(self.messages.acknowledged) - before
        self.advance(done)
        return done

    def _wait_for_tickets(self) -> None:
        """A ticket moves on after its last task, by a hint or a sweep: wait for both."""
        until = time.monotonic() + NOTHING_MOVES_S
        while not self.ended:
            waiting = Ticket.objects.due_to_advance().filter(project=self.project).count()
            if not waiting:
                return
            if time.monotonic() > until:
                self.ended = f"{waiting} tickets stay in a phase whose tasks are all done"
            time.sleep(0.2)

    def _bound_s(self, before: Snapshot) -> float | None:
        """The seconds that agents without overhead would need; None if the work takes no time."""
        options = self.options[0]
        durations = before.work if options.speed else {}
        work = {
            task: durations[task] / (options.speed or 1) if task in durations else options.work_s
            for task in before.open
        }
        edges = [(need.parent, child) for child, needs in before.needs.items() for need in needs]
        return round(list_schedule(work, edges, len(self.options)), 3) if any(work.values()) else None


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM stop the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
