"""Memory of each process after 200,000 claims beside after 20,000.

python3 manage.py bench memory [--json] [--quick] [--claims 200000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from bench import fleet
from bench.checkout import Checkout
from bench.http_loads import CONNECTIONS, settle_and_take
from bench.load import Limit, Ports, drive
from bench.options import main, number, parser
from bench.processes import process_tree, rss_bytes
from bench.rounds import Measure
from bench.scenes import Scene

EARLIER = 10  # the earlier look is after this part of the claims
BATCH = 8
HOURS_S = 4 * 3600.0
WORKER_READY = "SELECT count(*) FROM agents_agentpresence WHERE metrics ? 'isolation'"
COMPLETED = "SELECT count(*) FROM tickets_task WHERE state = 'completed' AND settled_by IS NOT NULL"


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """MiB of each process, later and earlier."""
    claims = 2_000 if options.quick else options.claims
    with Checkout() as checkout:
        scene = Scene.make(checkout, agents=CONNECTIONS, tickets=200)
        ports, web = checkout.web(1)
        processes = {
            "web": web[0],
            "worker": checkout.start("worker"),
            "clock": checkout.start("clock"),
            "PostgreSQL": checkout.processes[0],
        }
        scene.refill(claims + 1_000)
        processes["worker"].wait_until(partial(fleet.count, checkout, WORKER_READY), "worker")
        early, late = claims // EARLIER, claims
        settled = work(scene, ports, early)
        before = {name: rss_bytes(process_tree(process.pid)) for name, process in processes.items()}
        step()
        settled += work(scene, ports, late - early)
        after = {name: rss_bytes(process_tree(process.pid)) for name, process in processes.items()}
        completed = fleet.count(checkout, COMPLETED)
        step()
    checks = {
        "settled": len(settled),
        "twice": len(settled) - len(set(settled)),
        "lost": completed - len(settled),
    }
    return [
        Measure(
            f"memory of {name}",
            "MiB",
            "less",
            f"after {late:,}",
            f"after {early:,}",
            figures={
                f"after {late:,}": [mib(after[name], before[name])],
                f"after {early:,}": [mib(before[name], after[name])],
            },
        )
        for name in processes
    ], {"checks": checks}


def work(scene: Scene, ports: Ports, claims: int) -> list[str]:
    """So many claims by sixteen agents, settled eight at a time; what they hold at the end is given back.
    Returns the ids of the settled tasks.
    """
    settled: list[str] = []
    flows = [settle_and_take(agent.key, settled) for agent in scene.agents]
    drive(ports, flows, Limit(HOURS_S, claims // BATCH))
    with scene.connect() as link:
        link.execute(
            "UPDATE tickets_task SET state = 'pending', holder_id = NULL, lease_expires_at = NULL,"
            " timeout_at = NULL WHERE state = 'claimed'"
        )
    return settled


def mib(sizes: dict[int, int], others: dict[int, int]) -> float:
    """Of the processes that are in both: one that comes and goes, as autovacuum does, says nothing."""
    return sum(size for pid, size in sizes.items() if pid in others) / (1 << 20)


def steps(options: argparse.Namespace) -> int:
    return 2


def arguments() -> argparse.ArgumentParser:
    asks = parser("memory", __doc__ or "")
    asks.add_argument("--claims", type=number, default=200_000, help="claims in all (200000)")
    return asks


if __name__ == "__main__":
    main("memory", "Memory", arguments(), run, steps)
