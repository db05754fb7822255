"""Memory of each process after 200,000 claims beside after 20,000.

python3 manage.py bench memory [--json] [--quick] [--claims 200000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from bench.checkout import Checkout
from bench.http_loads import CONNECTIONS, settle_and_take
from bench.load import Limit, Ports, drive
from bench.options import main, number, parser
from bench.processes import Process, descendants, rss_bytes
from bench.rounds import Measure
from bench.scenes import Scene

EARLIER = 10  # the earlier look is after this part of the claims
BATCH = 8
HOURS_S = 4 * 3600.0


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """MiB of each process, later and earlier."""
    claims = 2_000 if options.quick else options.claims
    with Checkout() as checkout:
        scene = Scene.make(checkout, agents=CONNECTIONS, tickets=200)
        ports, web = checkout.web(1)
        processes = {"web": web[0], "worker": checkout.start("worker"), "clock": checkout.start("clock")}
        scene.refill(claims + 1_000)
        early, late = claims // EARLIER, claims
        work(scene, ports, early)
        before = {name: mib(process) for name, process in processes.items()}
        step()
        work(scene, ports, late - early)
        after = {name: mib(process) for name, process in processes.items()}
        step()
    return [
        Measure(
            f"memory of {name}",
            "MiB",
            "less",
            f"after {late:,}",
            f"after {early:,}",
            figures={f"after {late:,}": [after[name]], f"after {early:,}": [before[name]]},
        )
        for name in processes
    ], {}


def work(scene: Scene, ports: Ports, claims: int) -> None:
    """So many claims by sixteen agents, settled eight at a time; what they hold at the end is given back."""
    settled: list[str] = []
    flows = [settle_and_take(agent.key, settled) for agent in scene.agents]
    drive(ports, flows, Limit(HOURS_S, claims // BATCH))
    with scene.connect() as link:
        link.execute(
            "UPDATE tickets_task SET state = 'pending', holder_id = NULL, lease_expires_at = NULL,"
            " timeout_at = NULL WHERE state = 'claimed'"
        )


def mib(process: Process) -> float:
    """Memory of the process and its children."""
    return sum(rss_bytes(pid) for pid in descendants(process.pid)) / (1 << 20)


def steps(options: argparse.Namespace) -> int:
    return 2


def arguments() -> argparse.ArgumentParser:
    asks = parser("memory", __doc__ or "")
    asks.add_argument("--claims", type=number, default=200_000, help="claims in all (200000)")
    return asks


if __name__ == "__main__":
    main("memory", "Memory", arguments(), run, steps)
