"""Everything at once: claims, lists, live pages, jobs and an import on one server, each beside itself alone.

Claims, lists and jobs come at a steady pace: each at a fifth of what the server does when it does nothing
else, as measured just before. 200 pages follow a ticket that changes four times a second, and the import goes
as fast as it can. What was granted, added and imported is compared with the database after each run.

python3 manage.py bench together [--json] [--rounds 3] [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from bench.checkout import Checkout
from bench.http_loads import flows_of
from bench.load import Limit, Ports, drive, request
from bench.mix import LOADS, PROFILE, Mix
from bench.options import main, parser
from bench.our_jobs import MODULE, PROFILES
from bench.rounds import Measure
from bench.scenes import Scene

PART = 5  # the loads share the machine: each gets this part of what it can do alone
PACED = ("claims", "lists", "jobs")


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """Each load together with the others, beside alone; and the 99th percentile of claims."""
    seconds = 1.5 if options.quick else 12.0
    measures = {name: Measure(f"load {name}", "1/s", ours="at once", peer="alone") for name in LOADS}
    latency = Measure("claim p99", "s", "less", "at once", "alone")
    with Checkout() as checkout:
        scene = Scene.make(checkout, agents=100, tickets=100 if options.quick else 2000)
        mix = Mix(scene, served(scene), seconds)
        for name in PACED:
            mix.pace[name] = mix.run([name])[name] / PART
        step()
        for _ in range(options.rounds):
            alone: dict[str, float] = {}
            for name in LOADS:
                alone |= mix.run([name])
            at_once = mix.run(LOADS)
            for name in LOADS:
                _note(measures[name], at_once[name], alone[name])
            _note(latency, at_once["p99"], alone["p99"])
            step()
    pace = {name: round(rate, 1) for name, rate in mix.pace.items()}
    return [*measures.values(), latency], {"pace": pace, "checks": mix.books}


def served(scene: Scene) -> Ports:
    """Two web processes, a worker with a profile that does nothing, and the clock."""
    checkout = scene.checkout
    profiles = checkout.home / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "noop_jobs.py").write_text(MODULE)
    (profiles / f"{PROFILE}.yaml").write_text(PROFILES[PROFILE])
    ports, _ = checkout.web(2)
    grant = request("PATCH", "/api/v1/projects/B0", key=scene.admin_key, body={"profiles": [PROFILE]})
    drive(ports, flows_of([grant]), Limit(30.0, 1))
    for role in ("worker", "clock"):
        checkout.start(role)
    return ports


def _note(measure: Measure, together: float, alone: float) -> None:
    measure.figures.setdefault("at once", []).append(together)
    measure.figures.setdefault("alone", []).append(alone)


def steps(options: argparse.Namespace) -> int:
    return 1 + int(options.rounds)


def arguments() -> argparse.ArgumentParser:
    asks = parser("together", __doc__ or "")
    asks.set_defaults(rounds=3)
    return asks


if __name__ == "__main__":
    main("together", "Everything at once", arguments(), run, steps)
