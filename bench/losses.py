"""What is left behind when broker messages get lost and every process is restarted in turn.

python3 manage.py bench losses [--json] [--quick] [--rounds 1] [--tasks 2000] [--turns 2] [--broker URL]
    [--lost 30] [--seed 1] [--without-repairs]
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.checkout import ROOT, Checkout
from bench.losing_line import LosingLine, LosingTable
from bench.options import main, number, parser
from bench.patient_agents import PatientAgents
from bench.processes import Process, answers, listener
from bench.rounds import Measure

RECONCILE_S = 15.0  # the longest interval of a sweep that repairs what a lost message has left behind
REPAIRS = ("ring_for_work", "advance_tickets", "recheck_needs", "recheck_held")
PATIENCE_S = 12.0  # with work that stands still before a restart; then the restart comes all the same
# Between two looks at what is left. There is nothing to wait for that would tell: the notification of the
# journal rings only for who sleeps (docs/decisions/22), the broker of the bench loses messages, and 50 ms are
# a six-hundredth of what is measured.
LOOK_S = 0.05
BEFORE = 0.95  # of the work of agents, what they do during the disturbance
WIDTH, TICKETS = 40, 4
ROLES = ("worker", "web", "clock", "worker", "web")  # the processes, in the order in which they are restarted
SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # by which they end, in turn
PROFILES = {
    "quick": "kind: python\ncallable: quick_jobs.nothing\nreusable: true\n",
    "broken": "kind: command\nwords: [/nonexistent/program]\n",
}
MODULE = "def nothing(brief):\n    return None\n"
STATES = "SELECT id, state FROM tickets_task WHERE id = ANY (%s)"
PHASES = "SELECT id, phase FROM tickets_ticket WHERE id = ANY (%s)"
TWICE = """
SELECT count(*)
FROM (
  SELECT
  FROM agents_event
  WHERE kind = 'task.completed'
  GROUP BY subject
  HAVING count(*) > 1
) twice
"""
BACK = {
    "worker": "SELECT count(*) FROM agents_agentpresence WHERE metrics->>'pid' = %s",
    "clock": "SELECT count(*) FROM tickets_sweeprun WHERE name = 'clock' AND at > %s",
}


class Graph:
    """Layers of tasks for agents and for workers in turn, each of which needs two of the layer before. Beside
    every second layer one task fails, two wait for it for ever, and one goes on all the same.
    """

    def __init__(self, tasks: int, seed: int) -> None:
        rng = random.Random(seed)
        self.tasks: list[dict[str, Any]] = []
        self.edges: list[tuple[int, int, str]] = []
        before: list[int] = []
        while len(self.tasks) < tasks:
            profile = "quick" if before and self.tasks[before[0]]["profile"] == "" else ""
            layer = [self._add(profile, 1 + n % (TICKETS - 1)) for n in range(WIDTH)]
            for child in layer:
                self.edges += [(parent, child, "hold") for parent in rng.sample(before, 2 if before else 0)]
            if profile:
                failing, held, behind = (self._add(each, 0) for each in ("broken", "quick", ""))
                self.edges += [
                    (before[0], failing, "hold"),
                    (failing, held, "hold"),
                    (held, behind, "hold"),
                    (failing, self._add("", 0), "continue"),
                ]
            before = layer

    def _add(self, profile: str, ticket: int) -> int:
        self.tasks.append({"profile": profile, "ticket": ticket})
        return len(self.tasks) - 1

    def endings(self) -> list[str]:
        """The state that each task has in the end. Parents come before their children."""
        ends = ["failed" if task["profile"] == "broken" else "completed" for task in self.tasks]
        for parent, child, on_failure in sorted(self.edges, key=lambda edge: edge[1]):
            goes_on = ends[parent] == "completed" or (ends[parent] == "failed" and on_failure == "continue")
            if not goes_on:
                ends[child] = "pending"
        return ends


class Campaign:
    """One graph, on processes that are restarted."""

    def __init__(self, checkout: Checkout, options: argparse.Namespace) -> None:
        self.checkout, self.options = checkout, options
        self.graph = Graph(options.tasks, options.seed)
        self.ports: list[int] = []
        self.restarts = self.stood_still = 0
        folder = checkout.home / "profiles"
        folder.mkdir(exist_ok=True)
        (folder / "quick_jobs.py").write_text(MODULE)
        for name, text in PROFILES.items():
            (folder / f"{name}.yaml").write_text(text)
        self.made = checkout.script(
            "losses_graph.py",
            tasks=self.graph.tasks,
            edges=self.graph.edges,
            tickets=TICKETS,
            agents=2,
            profiles=list(PROFILES),
        )
        self.line = self._line()
        if self.line.url:
            checkout.environment["BROKER_URL"] = self.line.url
        if options.without_repairs:
            checkout.environment["OMOI_WORKER_POLL_S"] = "600"

    def _line(self) -> LosingLine | LosingTable:
        share = self.options.lost / 100
        if self.options.broker:
            return LosingLine(self.options.broker, share, self.options.seed)
        return LosingTable(self.checkout.connect, share)

    def run(self) -> tuple[float, dict[str, int]]:
        """Seconds from the end of the disturbance until all has ended that can, and the books."""
        processes = [self._begin(role, n) for n, role in enumerate(ROLES)]
        with PatientAgents(self.made["keys"], self.ports) as agents:
            by_agents = sum(
                task["profile"] == "" and end == "completed"
                for task, end in zip(self.graph.tasks, self.graph.endings(), strict=True)
            )
            restarts = [(turn, n) for turn in range(self.options.turns) for n in range(len(ROLES))]
            for done, (turn, n) in enumerate(restarts, 1):
                agents.allow(int(by_agents * BEFORE * done / len(restarts)))
                self.stood_still += not agents.get_on(PATIENCE_S)
                processes[n] = self._restart(processes[n], n, SIGNALS[(turn + n) % 2])
            self.line.end()
            ended = time.monotonic()
            agents.allow(by_agents)
            while self.left() and time.monotonic() < ended + 2 * RECONCILE_S:
                time.sleep(LOOK_S)
            seconds = time.monotonic() - ended
            return seconds, self.books(agents)

    # -- processes

    def _begin(self, role: str, n: int) -> Process:
        with self.checkout.connect() as link:
            now = link.execute("SELECT clock_timestamp()").fetchone()
        if role == "web":
            with listener() as found:
                port = found.getsockname()[1]
                process = self.checkout.start("web", f"--fd={found.fileno()}", sockets=(found,))
            process.wait_until(partial(answers, port, "/healthz"), "web")
            self.ports.append(port)
            process.port = port  # type: ignore[attr-defined]
            return process
        if role == "clock" and self.options.without_repairs:
            process = self._clock_without(REPAIRS)
        else:
            process = self.checkout.start(role, *(["--name", f"worker-{n}"] if role == "worker" else []))
        mark = str(process.pid) if role == "worker" else now and now[0]
        process.wait_until(lambda: self._count(BACK[role], mark) > 0, role)
        return process

    def _clock_without(self, sweeps: tuple[str, ...]) -> Process:
        environment = self.checkout.environment | {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "omoi_site.settings",
        }
        words = [sys.executable, "-P", ROOT / "bench" / "clock_without.py", *sweeps]
        log = self.checkout.home / f"bench-clock-{len(self.checkout.processes)}.log"
        process = Process(words, log, environment=environment, folder=ROOT)
        self.checkout.processes.append(process)
        return process

    def _restart(self, process: Process, n: int, how: signal.Signals) -> Process:
        if port := getattr(process, "port", 0):
            self.ports.remove(port)
        process.process.send_signal(how)
        process.process.wait(60)
        self.checkout.stop(process)
        self.restarts += 1
        return self._begin(ROLES[n], n)

    # -- what is so

    def left(self) -> int:
        """How many tasks and tickets have not ended although they can."""
        ends = dict(zip(self.made["ids"], self.graph.endings(), strict=True))
        with self.checkout.connect() as link:
            states = dict(link.execute(STATES, [self.made["ids"]]).fetchall())
            phases = dict(link.execute(PHASES, [self.made["tickets"][1:]]).fetchall())
        return sum(states[pk] != end for pk, end in ends.items()) + sum(
            phase != "DONE" for phase in phases.values()
        )

    def books(self, agents: PatientAgents) -> dict[str, int]:
        ends = dict(zip(self.made["ids"], self.graph.endings(), strict=True))
        waiting = [pk for pk, end in ends.items() if end == "pending"]
        explained = [agents.ask("GET", f"/tasks/{pk}/explain", key=self.made["admin_key"]) for pk in waiting]
        sent, lost = self.line.counted()
        return {
            "tasks": len(ends),
            "messages": sent,
            "lost": lost,
            "restarts": self.restarts,
            "stood still": self.stood_still,
            "requests repeated": agents.repeated,
            "requests refused": agents.refused,
            "cannot end": len(waiting),
            "of these without a cause": without_cause(explained),
            "left behind": self.left(),
            "completed twice": self._count(TWICE),
        }

    def _count(self, statement: str, *values: Any) -> int:
        with self.checkout.connect() as link:
            row = link.execute(statement, values or None).fetchone()
        return int(row[0]) if row else 0


def without_cause(explained: list[dict[str, Any]]) -> int:
    """How many explanations name no cause. One that was refused is empty, and counts as refused."""
    return sum(explanation.get("causes") == [] for explanation in explained)


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """How long after the disturbance all has ended, beside two periods of the sweeps that repair."""
    if options.quick:
        options.tasks, options.turns = min(options.tasks, 200), 1
    measure = Measure("all has ended that can", "s", "less", "omoi", "two periods of the sweeps")
    books = {}
    for n in range(options.rounds):
        with Checkout() as checkout:
            seconds, books[f"round {n + 1}"] = Campaign(checkout, options).run()
        measure.figures.setdefault("omoi", []).append(seconds)
        measure.figures.setdefault("two periods of the sweeps", []).append(2 * RECONCILE_S)
        options.seed += 1
        step()
    return [measure], {"checks": books}


def steps(options: argparse.Namespace) -> int:
    return int(options.rounds)


def arguments() -> argparse.ArgumentParser:
    asks = parser("losses", __doc__ or "")
    asks.set_defaults(rounds=1)
    asks.add_argument("--tasks", type=number, default=2000, help="tasks of the graph (2000)")
    asks.add_argument("--turns", type=number, default=2, help="how often each process is restarted (2)")
    asks.add_argument("--broker", default="", help="URL of a Redis or RabbitMQ; without: PostgreSQL")
    asks.add_argument("--lost", type=number, default=30, help="percent of the messages (30)")
    asks.add_argument("--seed", type=number, default=1, help="of the graph and of what is lost (1)")
    asks.add_argument(
        "--without-repairs",
        action="store_true",
        help="without the polls and sweeps that repair: to see that work is left behind then",
    )
    return asks


if __name__ == "__main__":
    main("losses", "Lost messages and restarts", arguments(), run, steps)
