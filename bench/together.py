"""Everything at once: claims, lists, live pages, jobs and an import on one server, each beside itself alone.

Claims, lists and jobs come at a steady pace: each at a fifth of what the server does when it does nothing
else, as measured just before. 200 pages follow a ticket that changes four times a second, and the import goes
as fast as it can.

python3 manage.py bench together [--json] [--rounds 3] [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import websockets

from bench import fleet
from bench.checkout import Checkout
from bench.http_loads import flows_of
from bench.load import Limit, Ports, drive, repeated, request
from bench.options import main, parser
from bench.our_jobs import MODULE, PROFILES
from bench.rounds import Measure
from bench.scenes import Scene

PART = 5  # the loads share the machine: each gets this part of what it can do alone
PAGES, CHANGES_PER_S = 200, 4.0
IMPORTED = 500
FEED_S = 0.25  # how often jobs are added
WATCHED = "B0-1"
PROFILE = "noop_reusable"
COMPLETED = "SELECT count(*) FROM tickets_task WHERE state = 'completed' AND profile <> ''"
fork = multiprocessing.get_context("fork")


@dataclass
class Mix:
    """The loads on one server. pace: what a second brings of each; without one, as fast as it can."""

    scene: Scene
    ports: Ports
    seconds: float
    imports: int = 0
    pace: dict[str, float] = field(default_factory=dict)

    def calibrate(self) -> None:
        """Measure what each paced load reaches alone, and pace it to its part."""
        for name in ("claims", "lists", "jobs"):
            self.pace[name] = self.run([name])[name] / PART

    def run(self, names: Iterable[str]) -> dict[str, float]:
        """The rates of these loads at the same time, each from a process of its own; of claims also `p99`."""
        self.scene.refill(20_000)
        self.imports += 1
        results = fork.SimpleQueue()
        loads = {name: partial(getattr(self, name), self.pace.get(name)) for name in names}
        children = [fork.Process(target=_report, args=(results, load)) for load in loads.values()]
        for child in children:
            child.start()
        found: dict[str, float] = {}
        for _ in children:
            found |= results.get()
        for child in children:
            child.join()
        if "failed" in found:
            raise fleet.BenchFailed(str(found["failed"]))
        return found

    def claims(self, per_s: float | None) -> dict[str, float]:
        keys = [agent.key for agent in self.scene.agents]
        body = {"limit": 1, "lease_s": 60}
        requests = [request("POST", "/api/v1/claims", key=key, body=body) for key in keys]
        load = drive(self.ports, flows_of(requests), Limit(self.seconds, per_s=per_s))
        return {"claims": load.per_s, "p99": load.percentile(0.99)}

    def lists(self, per_s: float | None) -> dict[str, float]:
        keys = [agent.key for agent in self.scene.agents]
        requests = [request("GET", "/api/v1/tickets?project=B5&limit=50", key=key) for key in keys]
        return {"lists": drive(self.ports, flows_of(requests), Limit(self.seconds, per_s=per_s)).per_s}

    def jobs(self, per_s: float | None) -> dict[str, float]:
        """Jobs that a worker completes while they are added: many at once, or at a pace."""
        checkout, each = self.scene.checkout, 200 if per_s is None else max(1, round(per_s * FEED_S))
        task = {"title": "Nothing", "profile": PROFILE}
        path = f"/api/v1/tickets/{WATCHED.replace('-1', '-3')}/tasks"
        add = request("POST", path, key=self.scene.admin_key, body={"tasks": [task] * each})
        before, begun = fleet.count(checkout, COMPLETED), time.monotonic()
        feed = Limit(self.seconds, per_s=None if per_s is None else 1 / FEED_S)
        drive(self.ports, [repeated([add], expect=201)], feed)
        done = fleet.count(checkout, COMPLETED) - before
        return {"jobs": done / (time.monotonic() - begun)}

    def sockets(self, _: float | None) -> dict[str, float]:
        """Frames a second that all pages receive."""
        return {"sockets": asyncio.run(self._follow())}

    async def _follow(self) -> float:
        """Open all pages, then change the ticket that they follow, and count what they hear."""
        open_pages = [await self._page(self.ports[n % len(self.ports)]) for n in range(PAGES)]
        heard = [asyncio.create_task(_frames(page)) for page in open_pages]
        await asyncio.to_thread(self._change)
        await asyncio.gather(*(page.close() for page in open_pages))
        return sum(await asyncio.gather(*heard)) / self.seconds

    async def _page(self, port: int) -> websockets.ClientConnection:
        headers = {"Cookie": f"sessionid={self.scene.session}", "Origin": f"http://127.0.0.1:{port}"}
        page = await websockets.connect(
            f"ws://127.0.0.1:{port}/ws/live/", additional_headers=headers, max_queue=None
        )
        await page.send(json.dumps({"topics": [f"ticket:{WATCHED}"], "cursor": ""}))
        return page

    def _change(self) -> None:
        requests = [
            request("PATCH", f"/api/v1/tickets/{WATCHED}", key=self.scene.admin_key, body={"title": title})
            for title in ("Template", "Template again")
        ]
        drive(self.ports, flows_of(requests)[:1], Limit(self.seconds, per_s=CHANGES_PER_S))

    def imported(self, _: float | None) -> dict[str, float]:
        """Items a second that the command imports, one file after the other."""
        checkout, items, begun = self.scene.checkout, 0, time.monotonic()
        while time.monotonic() - begun < self.seconds:
            file = fleet.write_beads(checkout.home / "import.jsonl", IMPORTED)
            project = f"I{self.imports}N{items // IMPORTED}"
            checkout.run("import", "beads", str(file), "--project", project)
            items += IMPORTED
        return {"imported": items / (time.monotonic() - begun)}


LOADS = ("claims", "lists", "sockets", "jobs", "imported")


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """Each load together with the others, beside alone; and the 99th percentile of claims."""
    seconds = 1.5 if options.quick else 12.0
    measures = {name: Measure(f"load {name}", "1/s", ours="at once", peer="alone") for name in LOADS}
    latency = Measure("claim p99", "s", "less", "at once", "alone")
    with Checkout() as checkout:
        scene = Scene.make(checkout, agents=100, tickets=100 if options.quick else 2000)
        profiles = checkout.home / "profiles"
        profiles.mkdir(exist_ok=True)
        (profiles / "noop_jobs.py").write_text(MODULE)
        (profiles / f"{PROFILE}.yaml").write_text(PROFILES[PROFILE])
        ports, _ = checkout.web(2)
        for role in ("worker", "clock"):
            checkout.start(role)
        grant = request("PATCH", "/api/v1/projects/B0", key=scene.admin_key, body={"profiles": [PROFILE]})
        drive(ports, flows_of([grant])[:1], Limit(30.0, 1))
        mix = Mix(scene, ports, seconds)
        mix.calibrate()
        step()
        for _ in range(options.rounds):
            alone = {}
            for name in LOADS:
                alone |= mix.run([name])
            together = mix.run(LOADS)
            for name in LOADS:
                _note(measures[name], together[name], alone[name])
            _note(latency, together["p99"], alone["p99"])
            step()
    return [*measures.values(), latency], {"pace": {name: round(pace, 1) for name, pace in mix.pace.items()}}


async def _frames(page: websockets.ClientConnection) -> int:
    """How many frames a page receives until it is closed."""
    return len([frame async for frame in page])


def _note(measure: Measure, together: float, alone: float) -> None:
    measure.figures.setdefault("at once", []).append(together)
    measure.figures.setdefault("alone", []).append(alone)


def _report(results: Any, load: Callable[[], dict[str, Any]]) -> None:
    try:
        results.put(load())
    except Exception as error:  # the parent ends the bench with it
        results.put({"failed": f"{type(error).__name__}: {error}"})


def steps(options: argparse.Namespace) -> int:
    return 1 + int(options.rounds)


def arguments() -> argparse.ArgumentParser:
    asks = parser("together", __doc__ or "")
    asks.set_defaults(rounds=3)
    return asks


if __name__ == "__main__":
    main("together", "Everything at once", arguments(), run, steps)
