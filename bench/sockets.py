"""Frames a second to 1,000 open pages, and how late a change reaches them, beside a bare websockets server.

A burst changes 50 topics that every page follows. Ours is timed from the insert into the journal on, the bare
server, which has no database, from the message that tells it to send.

python3 manage.py bench sockets [--json] [--rounds 5] [--quick] [--pages 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import uvloop

from bench.checkout import Checkout
from bench.open_pages import Page, Pages
from bench.options import main, number, parser
from bench.processes import Process, answers, cpu_s, listener
from bench.rounds import Measure
from bench.scenes import Scene

BURST = 50
SINGLE = 20  # changes of one topic in a round, for the latency
BARE = "websockets.broadcast"
TOPICS = [f"ticket:B0-{n}" for n in range(BURST)]
WRITE = """
INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
SELECT p.id, topic, topic, 1, 'ticket.edited', 'system:bench', '', '{}', ''
FROM agents_project p
CROSS JOIN unnest(%s::text[]) topic
WHERE p.key = 'B0'
"""


class System:
    """A server with its open pages."""

    def __init__(self, process: Process, pages: Pages) -> None:
        self.process, self.pages = process, pages
        self.latencies: list[float] = []
        self.frames, self.used_s = 0, 0.0

    async def change(self, frames: int) -> None:
        """Make it send so many frames to each page."""
        raise NotImplementedError

    async def burst(self) -> float:
        """Frames a second that all pages together receive. Then single changes, for the latency."""
        before = cpu_s([self.process.pid])
        seconds = await self.pages.all_receive(BURST, lambda: self.change(BURST))
        frames = BURST * len(seconds)
        self.used_s += cpu_s([self.process.pid]) - before
        self.frames += frames
        for _ in range(SINGLE):
            self.latencies += await self.pages.all_receive(1, lambda: self.change(1))
        return frames / max(seconds)

    def document(self) -> dict[str, float]:
        ordered = sorted(self.latencies)
        return {
            "latency_p50_ms": round(1000 * statistics.median(ordered), 1),
            "latency_p99_ms": round(1000 * ordered[int(0.99 * len(ordered))], 1),
            "server_cpu_us_a_frame": round(1e6 * self.used_s / self.frames, 2),
        }


class Omoi(System):
    link: Any  # to its database

    @classmethod
    async def open(cls, scene: Scene, count: int) -> Omoi:
        (port,), (process,) = scene.checkout.web(1)
        system = cls(process, Pages(port, f"sessionid={scene.session}"))
        system.link = scene.checkout.connect()
        await system.pages.open(count, json.dumps({"topics": TOPICS, "cursor": ""}).encode())
        return system

    async def change(self, frames: int) -> None:
        await asyncio.to_thread(self.link.execute, WRITE, [TOPICS[:frames]])


class Bare(System):
    speaker: Page  # a socket more, which tells the server to send

    @classmethod
    async def open(cls, scene: Scene, count: int) -> Bare:
        with listener() as found:
            port = found.getsockname()[1]
            process = Process(
                [sys.executable, scene.checkout.root / "bench/peers/bare_websockets.py", str(found.fileno())],
                scene.checkout.home / "bare.log",
                environment=os.environ,
                sockets=(found,),
            )
        scene.checkout.processes.append(process)
        process.wait_until(lambda: answers(port, "/"), BARE)
        system = cls(process, Pages(port, ""))
        await system.pages.open(count)
        system.speaker = await system.pages.connect()
        return system

    async def change(self, frames: int) -> None:
        self.speaker.write(str(frames).encode())


async def measure(
    options: argparse.Namespace, step: Callable[[], Any]
) -> tuple[list[Measure], dict[str, Any]]:
    frames = Measure(f"frames to {options.pages} pages", "frames/s", peer=BARE)
    with Checkout(OMOI_WAITS="20000", OMOI_CONNECTIONS="20000") as checkout:
        scene = Scene.make(checkout, agents=1, projects=1, tickets=1)
        systems: dict[str, System] = {
            "omoi": await Omoi.open(scene, options.pages),
            BARE: await Bare.open(scene, options.pages),
        }
        for turn in range(options.rounds + 1):
            for name in list(systems) if turn % 2 else reversed(systems):
                rate = await systems[name].burst()
                if turn:  # the first round warms up
                    frames.figures.setdefault(name, []).append(rate)
                step()
    return [frames], {"single changes": {name: system.document() for name, system in systems.items()}}


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """The measure of this bench, and more: how late single changes are, and the server's CPU of a frame."""
    return uvloop.run(measure(options, step))


def steps(options: argparse.Namespace) -> int:
    return 2 * (int(options.rounds) + 1)


def arguments() -> argparse.ArgumentParser:
    asks = parser("sockets", __doc__ or "")
    asks.add_argument("--pages", type=number, default=1000, help="open pages of each server (1000)")
    return asks


if __name__ == "__main__":
    main("sockets", "Open pages", arguments(), run, steps)
