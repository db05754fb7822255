"""What a large backlog costs: importing and emptying 20,000 items beside 2,000, and how soon tickets move on
after the last of their work.

python3 manage.py bench backlog [--json] [--quick] [--items 20000]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

from bench import fleet
from bench.checkout import Checkout
from bench.options import main, number, parser
from bench.rounds import Measure

AGENTS = 8
SMALLER = 10  # the smaller backlog is this part of the larger
TRAIL = 2000  # tickets of one task each


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """Cost of an item of both sizes, as CPU time and as time, and the delay of the last move."""
    items, trail = (200, 40) if options.quick else (options.items, TRAIL)
    cpu = Measure(
        "CPU of an item, imported and done", "ms", "less", f"{items:,} items", f"{items // SMALLER:,} items"
    )
    wall = Measure("time of an item, imported and done", "ms", "less", cpu.ours, cpu.peer)
    delay = Measure("last move after last completion", "s", "less", f"{trail:,} tickets")
    done = 0
    for name, size in ((cpu.peer, items // SMALLER), (cpu.ours, items)):
        found = empty(size, batch=8, every=2)
        cpu.figures[name] = [found["cpu_s"] / size * 1000]
        wall.figures[name] = [found["seconds"] / size * 1000]
        done += found["done"] - size - 1
        step()
    delay.figures[delay.ours] = [empty(trail, batch=1, every=1 << 30)["trail_s"]]
    step()
    return [cpu, wall, delay], {"checks": {"lost or done twice": done}}


def empty(items: int, *, batch: int, every: int) -> dict[str, Any]:
    """Import so many items and work until all tickets are done. One task more than that is there before."""
    with Checkout() as checkout:
        made = checkout.script("cast.py", agents=AGENTS, projects=1, lanes=1, served=1, capacity=100)
        file = fleet.write_beads(checkout.home / "backlog.jsonl", items, every)
        ports, _ = checkout.web(1)
        for role in ("worker", "clock"):
            checkout.start(role)
        cpu, begun = fleet.cpu_of_all(checkout), time.monotonic()
        before, children = cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
        checkout.run("import", "beads", str(file), "--project", "B0")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        importing = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
        done = fleet.drain(checkout, ports, [agent["key"] for agent in made["agents"]], batch)
        trail = fleet.wait_for_moves(checkout)
        return {
            "done": done,
            "seconds": time.monotonic() - begun,
            "cpu_s": cpu() - before + importing,
            "trail_s": trail,
        }


def steps(options: argparse.Namespace) -> int:
    return 3


def arguments() -> argparse.ArgumentParser:
    asks = parser("backlog", __doc__ or "")
    asks.add_argument("--items", type=number, default=20_000, help="items of the larger backlog (20000)")
    return asks


if __name__ == "__main__":
    main("backlog", "Backlogs", arguments(), run, steps)
