"""All benches, and the goals: what each is needed to reach, and what this run reached. It ends with 1 if a
needed figure is missed.

python3 manage.py bench goals [--json] [--quick] [--rounds N] [--only http,jobs] [--memory] [--against COMMIT]
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.chart import write_chart
from bench.options import number, progress
from bench.rounds import rounded
from omoi_site.processes.parent_death import die_with_parent

BASE = "a81fd02"  # the commit that settlements are compared with
BENCHES = ("http", "cpu", "jobs", "graph", "sockets", "costs", "pages", "backlog", "together")
HOT = ("claim", "list", "heartbeat")  # requests whose CPU has a goal
PEERED = ("http", "jobs", "graph", "sockets")  # which compare Omoi with the programs of others
Documents = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Goal:
    """One figure of one bench. goal: what it should be; needed: what it must be. more: whether a larger
    figure is better. Of several measures whose names begin with `measure`, the worst counts.
    """

    name: str
    bench: str
    measure: str
    goal: float
    needed: float
    more: bool = True
    absolute: bool = False  # the figure itself, not its ratio to a peer

    def value(self, documents: Documents) -> float | None:
        """The figure that this run reached; None if its bench did not run, or failed."""
        document = documents.get(self.bench, {})
        found = list(self._absolute(document) if self.absolute else self._ratios(document))
        return (min(found) if self.more else max(found)) if found else None

    def _ratios(self, document: Mapping[str, Any]) -> Iterable[float]:
        for name, figures in document.get("cpu", {}).items():
            if name.startswith(HOT):
                yield figures["ratio_to_empty"]
        for name, ratio in document.get("ratios", {}).items():
            if name.startswith(self.measure):
                yield ratio["median"]

    def _absolute(self, document: Mapping[str, Any]) -> Iterable[float]:
        for figures in document.get("systems", {}).values():
            for name, figure in figures.items():
                if name.startswith(self.measure):
                    yield figure["median"]

    def meets(self, value: float | None, limit: float) -> bool:
        if value is None:
            return False
        return value >= limit if self.more else value <= limit


GOALS = [
    Goal("claim of 1 over HTTP vs FastAPI + asyncpg", "http", "claim of 1,", 1.0, 0.55),
    Goal("claim of 50 vs FastAPI + asyncpg", "http", "claim of 50,", 0.8, 0.4),
    Goal("list of 50 vs FastAPI + asyncpg", "http", "list of 50", 1.2, 0.9),
    Goal("heartbeat of 1 vs FastAPI + asyncpg", "http", "heartbeat of 1", 1.0, 0.8),
    Goal("heartbeat of 200 leases vs pgbench", "http", "heartbeat of 200", 5, 3),
    Goal(f"settle 8 and take 8 next vs {BASE}", "http", "settle 8", 5, 3),
    Goal("CPU of claim, list, heartbeat vs an empty view", "cpu", "", 5, 8, more=False),
    Goal("no-op jobs vs dramatiq-postgres", "jobs", "no-op jobs vs dramatiq-postgres", 20, 6),
    Goal("no-op jobs vs dramatiq + RabbitMQ", "jobs", "no-op jobs vs dramatiq + RabbitMQ", 4, 1.2),
    Goal("chain of 1,000 vs the best peer", "graph", "chain", 1 / 8, 1 / 2, more=False),
    Goal("1 to 1,000 to 1 vs the best peer", "graph", "fan", 1 / 12, 1 / 3, more=False),
    Goal("1,000 open pages vs bare websockets", "sockets", "", 1, 1 / 5),
    Goal("buffers an item, settle of 200 vs 10", "costs", "buffers of an item", 1.1, 1.3, more=False),
    Goal("statements, 40 tickets of two moves", "costs", "statements", 10, 30, more=False, absolute=True),
    Goal("claim under a held snapshot, buffers", "costs", "buffers of a claim", 1.5, 2, more=False),
    Goal("ticket page of 500 tasks vs an empty page", "pages", "ticket page", 8, 15, more=False),
    Goal("board of 10,000 tickets vs an empty page", "pages", "board", 8, 15, more=False),
    Goal("overview of 10,000 tickets vs an empty page", "pages", "overview", 8, 10, more=False),
    Goal("list of tasks of 10,000 tickets vs an empty page", "pages", "list of tasks", 8, 10, more=False),
    Goal("agents beside 10,000 tickets vs an empty page", "pages", "agents", 8, 10, more=False),
    Goal("last move after last completion, s", "backlog", "last move", 1, 3, more=False, absolute=True),
    Goal("item of 20,000 vs of 2,000", "backlog", "CPU of an item", 1.0, 1.2, more=False),
    Goal("each load at once vs alone", "together", "load ", 0.5, 0.4),
    Goal("claim p99 at once vs alone", "together", "claim p99", 5, 8, more=False),
    Goal("memory after 200,000 claims vs 20,000", "memory", "memory", 1.0, 1.05, more=False),
]


def measure(options: argparse.Namespace, bench: str) -> dict[str, Any]:
    """The document of one bench, which runs in a process of its own; what it says goes to standard error."""
    words = [sys.executable, "-P", "-m", f"bench.{bench}", "--json"]
    words += _short(bench) if options.quick else []
    words += ["--rounds", str(options.rounds)] if options.rounds else []
    words += ["--against", options.against] if bench == "http" else []
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    ) as process:
        try:
            said, _ = process.communicate()
        finally:  # broken off: it ends its own processes before this one ends
            process.terminate()
    document: dict[str, Any] = {} if process.returncode else json.loads(said)
    return document


def _short(bench: str) -> list[str]:
    return ["--requests", "20"] if bench == "cpu" else ["--quick"]


def table(goals: Iterable[Goal], documents: Documents) -> list[dict[str, Any]]:
    """A row for each goal whose bench was asked to run."""
    return [
        {
            "name": goal.name,
            "goal": goal.goal,
            "needed": goal.needed,
            "better": "more" if goal.more else "less",
            "value": None if (value := goal.value(documents)) is None else rounded(value),
            "reached": goal.meets(value, goal.goal),
            "enough": goal.meets(value, goal.needed),
        }
        for goal in goals
        if goal.bench in documents
    ]


def show(rows: Iterable[Mapping[str, Any]], say: Callable[[str], Any]) -> None:
    say(f"{'':48}{'goal':>8}{'needed':>9}{'value':>9}")
    for row in rows:
        value = "none" if row["value"] is None else f"{row['value']:g}"
        verdict = "reached" if row["reached"] else "enough" if row["enough"] else "MISSED"
        say(f"{row['name']:48}{row['goal']:>8.3g}{row['needed']:>9.3g}{value:>9}  {verdict}")


def arguments() -> argparse.ArgumentParser:
    asks = argparse.ArgumentParser(
        prog="python3 manage.py bench goals", description=(__doc__ or "").partition("\n")[0]
    )
    asks.add_argument("--json", action="store_true", help="print one JSON document")
    asks.add_argument("--quick", action="store_true", help="one short round of each: to see that it works")
    asks.add_argument("--rounds", type=number, help="interleaved rounds (as each bench has them)")
    asks.add_argument("--only", default=",".join(BENCHES), help="some of the benches: http,jobs")
    asks.add_argument("--memory", action="store_true", help="also 200,000 claims, which take long")
    asks.add_argument(
        "--against", default=BASE, metavar="COMMIT", help=f"compare settlements with it ({BASE})"
    )
    asks.add_argument("--svg", type=Path, help="write a chart of what has a peer to this file")
    return asks


def main() -> None:
    asks = arguments()
    options = asks.parse_args()
    chosen = [*options.only.split(","), *(["memory"] if options.memory else [])]
    if unknown := sorted(set(chosen) - {*BENCHES, "memory"}):
        asks.error(f"there is no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}")
    documents = {}
    with progress(total=len(chosen), unit="bench", desc="goals") as bar:
        for bench in chosen:
            documents[bench] = measure(options, bench)
            bar.update()
    rows = table(GOALS, documents)
    if options.svg:
        beside = [documents[bench].get("ratios", {}) for bench in PEERED if bench in documents]
        write_chart(
            options.svg, "Omoi beside its peers", {k: v for ratios in beside for k, v in ratios.items()}
        )
    if options.json:
        print(json.dumps({"goals": rows, "benches": documents}))
    else:
        show(rows, print)
    sys.exit(0 if all(row["enough"] for row in rows) else 1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
