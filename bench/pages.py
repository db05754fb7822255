"""CPU of a ticket page with 500 tasks, and of the board, the overview, the tasks and the agents beside 10,000
tickets, compared with an empty page: the signed-in frame without content. Every request of the first screen
counts, PostgreSQL's part too.

python3 manage.py bench pages [--json] [--rounds 5] [--quick]
"""

from __future__ import annotations

import argparse
import http.client
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.checkout import Checkout
from bench.options import main, parser
from bench.processes import BenchFailed, cpu_s, process_tree
from bench.rounds import Measure, interleave
from bench.scenes import Scene

TASKS, TICKETS, LOADS = 500, 10_000, 20
EMPTY = "/nothing-is-here/"
PART = re.compile(rb"""<(?:link|script|img)\b[^>]*?\b(?:href|src)="(/[^"]+)\"""")


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """CPU of the pages, and how many requests each takes."""
    tasks, tickets, loads = (20, 50, 3) if options.quick else (TASKS, TICKETS, LOADS)
    with Checkout() as checkout:
        scene = Scene.make(checkout, agents=1, projects=1, tickets=tickets, graph=tasks)
        ports, web = checkout.web(1)
        browser = Browser(ports[0], scene.session)
        pids = [pid for process in (checkout.processes[0], *web) for pid in process_tree(process.pid)]
        board = f"/board/?project={scene.projects[0]}"
        addresses = {
            f"ticket page, {tasks:,} tasks": f"/tickets/{scene.graph}/",
            f"board, {tickets:,} tickets": board,
            f"overview, {tickets:,} tickets": "/",
            f"list of tasks, {tickets:,} tickets": "/tasks/",
            f"agents, {tickets:,} tickets": "/agents/",
        }
        measures = []
        for name, address in addresses.items():
            measure = Measure(name, "CPU ms", "less", "the page", "an empty page")
            systems = {
                "the page": partial(cost, browser, address, 200, loads, pids),
                "an empty page": partial(cost, browser, EMPTY, 404, loads * 5, pids),
            }
            measures.append(interleave(measure, systems, options.rounds, step))
        return measures, {
            "requests": {each: len(browser.first_screen(each)) for each in (EMPTY, *addresses.values())}
        }


class Browser:
    """A signed-in browser with an empty cache, as far as its requests go."""

    def __init__(self, port: int, session: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {
            "Cookie": f"sessionid={session}",
            "Accept-Encoding": "identity",
            "Accept": "text/html",
        }

    def get(self, address: str, expect: int = 200) -> bytes:
        self.connection.request("GET", address, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != expect:
            raise BenchFailed(f"GET {address} was answered {answer.status}, not {expect}")
        return body

    def first_screen(self, address: str) -> list[str]:
        """The page and the files that it names."""
        status = 404 if address == EMPTY else 200
        return [address, *sorted({found.decode() for found in PART.findall(self.get(address, status))})]


def cost(browser: Browser, address: str, status: int, loads: int, pids: list[int]) -> float:
    """CPU milliseconds of one load of the first screen."""
    _, *files = browser.first_screen(address)  # also fills the caches of the server
    begun = cpu_s(pids)
    for _ in range(loads):
        browser.get(address, status)
        for file in files:
            browser.get(file)
    return (cpu_s(pids) - begun) / loads * 1000


def steps(options: argparse.Namespace) -> int:
    return 6 * int(options.rounds)


if __name__ == "__main__":
    main("pages", "Pages", parser("pages", __doc__ or ""), run, steps)
