"""Requests a second of claims, lists, heartbeats and settlements, beside FastAPI + asyncpg, pgbench and
another commit of Omoi.

python3 manage.py bench http [--json] [--rounds 5] [--quick] [--against COMMIT] [--svg FILE]
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import http_loads as loads
from bench.checkout import Checkout, at_commit
from bench.options import main, number, numbers, parser, progress
from bench.peer_environment import python_of_peers
from bench.peer_web import TITLES, PeerWeb
from bench.rounds import Measure, interleave
from bench.scenes import Scene
from bench.scratch import scratch

CONNECTIONS = 16
PGBENCH = "pgbench"
SAME = f"{TITLES}, the same SQL"
Step = Callable[[], Any]


def run(options: argparse.Namespace, step: Step) -> tuple[list[Measure], dict[str, Any]]:
    """All measures, how many claims were lost or granted twice, and the CPU of web processes."""
    options.agents = [CONNECTIONS] if options.quick else options.agents
    size = loads.Size.of(options)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        old = stack.enter_context(at_commit(options.against, folder)) if options.against else None
        python = python_of_peers(progress)
        checkout = stack.enter_context(Checkout())
        scene = Scene.make(checkout, agents=max(options.agents), tickets=size.tickets)
        ours = loads.Ours(scene, options.processes, size)
        peer = loads.FastAPI(PeerWeb(scene, python, options.processes), size)
        parts = [
            *[partial(claims, ours, peer, options, step, agents, 1) for agents in options.agents],
            partial(claims, ours, peer, options, step, max(options.agents), 50),
            partial(lists, ours, peer, options, step),
            partial(heartbeats, ours, peer, options, step),
            partial(many_heartbeats, ours, peer, options, step),
        ]
        measures, cpu = [], {}
        for part in parts:
            measures.append(part())
            cpu[measures[-1].name] = {"omoi": ours.taken_cpu(), TITLES: peer.taken_cpu()}
        peer.stop()
        checks = ours.checks | peer.checks
        if old:
            found, more = against(ours, old, options, step)
            measures.append(found)
            checks |= more
    return measures, {"checks": checks, "web CPU us a request": cpu}


def steps(options: argparse.Namespace) -> int:
    """How often `step` is called."""
    return options.rounds * (3 * (len(options.agents) + 1) + 7 + (2 if options.against else 0))


def compare(
    name: str,
    ours: Callable[[], float],
    peers: dict[str, Callable[[], float]],
    options: argparse.Namespace,
    step: Step,
    unit: str = "requests/s",
) -> Measure:
    """Ours beside the peers; the ratio is to the first of them."""
    measure = Measure(name, unit, peer=next(iter(peers)))
    return interleave(measure, {"omoi": ours, **peers}, options.rounds, step)


def claims(
    ours: loads.Ours, peer: loads.FastAPI, options: argparse.Namespace, step: Step, agents: int, batch: int
) -> Measure:
    return compare(
        f"claim of {batch}, {agents} agents",
        lambda: ours.claims(agents, batch),
        {TITLES: lambda: peer.claims(agents, batch), PGBENCH: lambda: peer.pgbench_claims(batch)},
        options,
        step,
    )


def lists(ours: loads.Ours, peer: loads.FastAPI, options: argparse.Namespace, step: Step) -> Measure:
    """Beside the same fields of the same tables, and beside plain ones of the peer's own."""
    peers = {SAME: peer.same_lists, TITLES: peer.lists}
    return compare("list of 50", ours.lists, peers, options, step)


def heartbeats(ours: loads.Ours, peer: loads.FastAPI, options: argparse.Namespace, step: Step) -> Measure:
    ours.hold(1, ours.agents), peer.hold(1, peer.keys)
    return compare("heartbeat of 1", ours.heartbeats, {TITLES: peer.heartbeats}, options, step)


def many_heartbeats(
    ours: loads.Ours, peer: loads.FastAPI, options: argparse.Namespace, step: Step
) -> Measure:
    """Leases that one request renews, beside single updates by pgbench."""
    ours.hold(200, ours.agents[:CONNECTIONS])

    each = ours.size.ready // (2 * CONNECTIONS)
    updates = partial(peer.web.pgbench_updates, peer.first, peer.first + peer.held - 1, each)
    return compare(
        "heartbeat of 200 leases",
        lambda: 200 * ours.heartbeats(),
        {PGBENCH: updates},
        options,
        step,
        unit="leases/s",
    )


def against(
    ours: loads.Ours, root: Path, options: argparse.Namespace, step: Step
) -> tuple[Measure, dict[str, Any]]:
    """Settling 8 and taking 8 next by 16 agents, beside another commit, whose files are in `root`."""
    ours.books = loads.Books()
    title = f"omoi at {options.against}"
    with Checkout(root) as checkout:
        scene = Scene.make(checkout, agents=CONNECTIONS, tickets=ours.size.tickets)
        old = loads.Ours(scene, options.processes, ours.size)
        measure = compare(
            "settle 8 and take 8 next",
            ours.settlements,
            {title: old.settlements},
            options,
            step,
            unit="tasks/s",
        )
        return measure, {"omoi, settled": ours.books.document(), title: old.books.document()}


def arguments() -> argparse.ArgumentParser:
    asks = parser("http", __doc__ or "")
    asks.add_argument("--processes", type=number, default=2, help="web processes of each system (2)")
    asks.add_argument("--agents", type=numbers, default=[20, 400], help="how many agents claim (20,400)")
    asks.add_argument("--against", default="", metavar="COMMIT", help="compare settlements with this commit")
    return asks


if __name__ == "__main__":
    main("http", "Omoi over HTTP", arguments(), run, steps)
