"""How late a change is visible in an open page: the 95th percentile of 100 changes, in a real browser, on the
board, the overview and the lists of agents and tasks; with the line as it is, and with 200 ms of latency.

python3 manage.py bench visible [--json] [--rounds 1] [--quick] [--changes 100] [--chromium PATH]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.checkout import Checkout
from bench.options import main, number, parser
from bench.processes import BenchFailed
from bench.rounds import Measure
from bench.scenes import Scene

LINES = {"as it is": 0, "200 ms of latency": 200}  # ms of latency of each request of the page
TICKETS, AGENTS = 200, 20
PATIENCE_MS = 20_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# `seen`: when each mark was first in the page. `come` waits for one, and gives that moment; `rest` waits
# until the page has nothing to do.
WATCH = """() => {
    const seen = window.seen = {};
    const look = () => {
        for (const mark of document.body.textContent.match(/change-\\d+/g) || []) seen[mark] ??= Date.now();
    };
    const until = (holds) => new Promise((done, failed) => {
        const begun = Date.now();
        const ask = () => {
            if (holds()) done();
            else if (Date.now() - begun > PATIENCE) failed(new Error(`it was not so within ${PATIENCE} ms`));
            else requestAnimationFrame(ask);
        };
        ask();
    });
    window.come = (mark) => until(() => { look(); return mark in seen; }).then(() => seen[mark]);
    window.rest = () => until(
        () => live.parts.every((part) => part.quiet && performance.now() >= part.due));
}""".replace("PATIENCE", str(PATIENCE_MS))


class Api:
    """Makes changes, each over a connection of its own."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, f"/api/v1{path}", json.dumps(body), self.headers)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status >= 300:
            raise BenchFailed(f"{method} {path} was answered {answer.status}: {text[:300]!r}")
        return dict(json.loads(text))


@contextlib.contextmanager
def chromium(path: str) -> Iterator[Any]:
    """A browser, driven by playwright."""
    found = path or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise BenchFailed("there is no chromium: apt-get install chromium, or name one with --chromium")
    try:
        from playwright.sync_api import sync_playwright  # of the development's requirements only
    except ImportError as missing:
        raise BenchFailed("playwright is missing: pip install -r requirements-dev.txt") from missing
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


def page_of(browser: Any, port: int, session: str, address: str, latency: int) -> Any:
    """The page at this address, which hears its topics."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    url = f"http://127.0.0.1:{port}"
    context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    line = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
    devtools.send("Network.emulateNetworkConditions", line)
    page.goto(url + address)
    page.wait_for_selector("#live[data-state=live]")
    page.evaluate(WATCH)
    return page


def lateness(page: Any, change: Callable[[str], Any], count: int) -> list[float]:
    """Of each change, how many ms after its request was sent it was visible. The first one is not counted.
    Each comes when the page has nothing to do: after a fetch a part rests for three times as long.
    """
    late = []
    for n in range(count + 1):
        mark = f"change-{n}"
        page.evaluate("rest()")
        sent = time.time() * 1000
        change(mark)
        late.append(page.evaluate("mark => come(mark)", mark) - sent)
    return late[1:]


def p95(figures: list[float]) -> float:
    return sorted(figures)[math.ceil(0.95 * len(figures)) - 1]


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """The 95th percentile of each page and line, and the medians."""
    changes = 5 if options.quick else options.changes
    with Checkout() as checkout, chromium(options.chromium) as browser:
        scene = Scene.make(checkout, agents=AGENTS, projects=1, tickets=20 if options.quick else TICKETS)
        (port,), _ = checkout.web(1)
        project, agent = scene.projects[0], scene.agents[0].name
        api = Api(port, scene.admin_key)
        ticket = api.send("POST", "/tickets", {"project": project, "title": "change"})["key"]
        added = {"tasks": [{"title": "change"}]}
        [task] = [each["id"] for each in api.send("POST", f"/tickets/{ticket}/tasks", added)["tasks"]]
        api.send("POST", f"/tasks/{task}/bump", {"reason": "so that it is claimed"})
        at_work = Api(port, scene.agents[0].key)  # so that the task is on the overview
        at_work.send("POST", "/claims", {"limit": 1, "lease_s": 14_400})
        pages = {
            "board": (f"/board/?project={project}", partial(rename, api, f"/tickets/{ticket}")),
            "overview": ("/", partial(rename, api, f"/tasks/{task}")),
            "agents": ("/agents/", partial(tell, api, agent)),
            "tasks": (f"/tasks/?ticket={ticket}", partial(rename, api, f"/tasks/{task}")),
        }
        measures, medians = [], {}
        for name, (address, change) in pages.items():
            measure = Measure(f"{name}: p95 of {changes} changes", "ms", "less", "as it is")
            for _ in range(options.rounds):
                for line, latency in LINES.items():
                    page = page_of(browser, port, scene.session, address, latency)
                    late = lateness(page, change, changes)
                    page.context.close()
                    measure.figures.setdefault(line, []).append(p95(late))
                    medians[f"{name}, {line}"] = round(statistics.median(late))
                    step()
            measures.append(measure)
        return measures, {"median_ms": medians}


def rename(api: Api, path: str, mark: str) -> None:
    api.send("PATCH", path, {"title": mark})


def tell(api: Api, agent: str, mark: str) -> None:
    api.send("PATCH", f"/agents/{agent}", {"capabilities": [mark]})


def steps(options: argparse.Namespace) -> int:
    return 4 * len(LINES) * int(options.rounds)


def arguments() -> argparse.ArgumentParser:
    asks = parser("visible", __doc__ or "")
    asks.set_defaults(rounds=1)
    asks.add_argument("--changes", type=number, default=100, help="of each page and line (100)")
    asks.add_argument("--chromium", default="", help="the browser (the one that is found)")
    return asks


if __name__ == "__main__":
    main("visible", "Changes in open pages", arguments(), run, steps)
