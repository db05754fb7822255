"""Five loads on one server, alone or at the same time, and the books of each.

A load is a process of its own. It prepares, waits until the others are ready too, and then goes on for some
seconds: at its pace, or as fast as it can.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench import children, fleet
from bench.http_loads import CONNECTIONS, LEASE_S, flows_of, granted
from bench.load import Flow, Limit, LoadFailed, Ports, drive, repeated, request
from bench.open_pages import Page, Pages
from bench.scenes import Scene

PAGES, CHANGES_PER_S = 200, 4.0
HEARD_S = 10.0  # a page that has not heard of a change after so long has missed it
LISTED = 50
IMPORTED = 500  # items of a file
BATCH, MOST_OPEN = 200, 400  # jobs that one request adds, and that may be open
FEED_S = 0.25  # how often jobs are added at a pace
LOOK_S = 0.02
IDLE_S = 3.0  # the server closes a connection that stays idle for five seconds
WATCHED = "B0-1"  # nobody works on it
WITH_JOBS = [f"B0-{number}" for number in range(3, 11)]
PROFILE = "noop_reusable"
CLAIMED = "SELECT id FROM tickets_task WHERE state = 'claimed' AND holder_id = ANY (%s)"
OPEN_JOBS = """
SELECT count(*)
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE k.key = ANY (%s)
  AND t.state IN ('pending', 'claimed')
  AND t.profile <> ''
"""
JOBS = """
SELECT
  count(*) FILTER (WHERE t.state = 'completed') AS done,
  count(*) FILTER (WHERE t.attempts > 1 OR e.completions > 1) AS twice,
  count(*) FILTER (WHERE t.ended_at < to_timestamp(%s)) AS in_time
FROM tickets_task t
CROSS JOIN LATERAL (
  SELECT count(*) AS completions
  FROM agents_event e
  WHERE e.subject = 'task:' || t.id
    AND e.kind = 'task.completed'
) e
WHERE t.profile <> ''
"""
IN_PROJECTS = """
SELECT
  count(*),
  count(DISTINCT (k.project_id, k.source_id))
FROM tickets_ticket k
JOIN agents_project p ON p.id = k.project_id
WHERE p.key LIKE %s
"""
Result = dict[str, Any]
Ready = Callable[[], None]  # waits until every load is ready


@dataclass
class Mix:
    """The loads on one server. pace: what a second brings of each; a load without one goes as fast as it can.
    books: of each load what it was granted, what of that came twice, and what of it is missing.
    """

    scene: Scene
    ports: Ports
    seconds: float
    pace: dict[str, float] = field(default_factory=dict)
    books: dict[str, dict[str, int]] = field(default_factory=dict)
    runs: int = 0

    def run(self, names: Iterable[str]) -> dict[str, float]:
        """The rates of these loads at the same time; of claims also `p99`."""
        self.scene.refill(20_000)
        self.runs += 1
        loads = {name: partial(LOADS[name], self, self.pace.get(name)) for name in names}
        found = children.together(loads, self.scene.checkout.home)
        for name, result in found.items():
            self._enter(name, result)
        return {name: rate for result in found.values() for name, rate in result["rates"].items()}

    def _enter(self, name: str, result: Result) -> None:
        row = self.books.setdefault(name, {"granted": 0, "twice": 0, "lost": 0})
        for part in row:
            row[part] += result[part]

    def _rows(self, statement: str, *params: Any) -> list[Any]:
        with self.scene.checkout.connect() as link:
            return list(link.execute(statement.encode(), params).fetchall())

    # -- the loads

    def claims(self, per_s: float | None, ready: Ready) -> Result:
        bodies: list[bytes] = []
        requests = [
            request("POST", "/api/v1/claims", key=agent.key, body={"limit": 1, "lease_s": LEASE_S})
            for agent in self.scene.agents
        ]
        ready()
        load = drive(self.ports, flows_of(requests, bodies), Limit(self.seconds, per_s=per_s))
        ids = [int(task) for task in granted(bodies)]
        held = {task for [task] in self._rows(CLAIMED, [agent.id for agent in self.scene.agents])}
        return {
            "rates": {"claims": load.per_s, "p99": load.percentile(0.99)},
            "granted": len(ids),
            "twice": len(ids) - len(set(ids)),
            "lost": len(held ^ set(ids)),
        }

    def lists(self, per_s: float | None, ready: Ready) -> Result:
        """Each page must have all its tickets."""
        each = min(LISTED, self.scene.tickets // len(self.scene.projects) + 1)
        path = f"/api/v1/tickets?project=B5&limit={LISTED}"
        agents = self.scene.agents[:CONNECTIONS]
        flows = [_pages(request("GET", path, key=agent.key), each) for agent in agents]
        ready()
        load = drive(self.ports, flows, Limit(self.seconds, per_s=per_s))
        return _result("lists", load.per_s, load.requests)

    def jobs(self, per_s: float | None, ready: Ready) -> Result:
        """Jobs that a worker completes while they are added: at a pace, or as many as it can."""
        each = BATCH if per_s is None else max(1, round(per_s * FEED_S))
        requests = [
            request(
                "POST",
                f"/api/v1/tickets/{ticket}/tasks",
                key=self.scene.admin_key,
                body={"tasks": [{"title": "Nothing", "profile": PROFILE}] * each},
            )
            for ticket in WITH_JOBS
        ]
        feed = repeated(requests, expect=201)
        ready()
        ends = time.time() + self.seconds
        load = drive(
            self.ports,
            [feed if per_s else self._when_few_are_open(feed)],
            Limit(self.seconds, per_s=1 / FEED_S if per_s else None),
        )
        patience = time.monotonic() + fleet.PATIENCE_S
        while self._open_jobs() and time.monotonic() < patience:
            time.sleep(LOOK_S)
        [(done, twice, in_time)] = self._rows(JOBS, ends)
        added = load.requests * each
        return _result("jobs", in_time / self.seconds, added, twice=twice, lost=added - done)

    def _when_few_are_open(self, feed: Flow) -> Iterator[Any]:
        """The same flow, which waits while many jobs are open."""
        wanted = next(feed)
        while True:
            ends = time.monotonic() + IDLE_S
            while self._open_jobs() > MOST_OPEN - BATCH and time.monotonic() < ends:
                time.sleep(LOOK_S)
            wanted = feed.send((yield wanted))

    def _open_jobs(self) -> int:
        [[count]] = self._rows(OPEN_JOBS, WITH_JOBS)
        return int(count)

    def sockets(self, _: float | None, ready: Ready) -> Result:
        """Frames a second that all pages receive, of a ticket that changes several times a second."""
        return asyncio.run(self._follow(ready))

    async def _follow(self, ready: Ready) -> Result:
        subscription = json.dumps({"topics": [f"ticket:{WATCHED}"], "cursor": ""}).encode()
        groups = [Pages(port, f"sessionid={self.scene.session}") for port in self.ports]
        for group in groups:
            await group.open(PAGES // len(groups), subscription)
        pages = [page for group in groups for page in group.pages]
        await asyncio.to_thread(ready)
        for page in pages:
            page.frames = 0
        await asyncio.to_thread(self._change, Limit(self.seconds, per_s=CHANGES_PER_S))
        frames = sum(page.frames for page in pages)
        return _result("sockets", frames / self.seconds, frames, lost=await self._deaf(pages))

    async def _deaf(self, pages: list[Page]) -> int:
        """How many pages do not hear of one more change."""
        before, now = -1, 0
        while before != now:  # until it is quiet
            await asyncio.sleep(1)
            before, now = now, sum(page.frames for page in pages)
        coming = [page.expect(1) for page in pages]
        await asyncio.to_thread(self._change, Limit(HEARD_S, 1))
        _, missing = await asyncio.wait(coming, timeout=HEARD_S)
        return len(missing)

    def _change(self, limit: Limit) -> None:
        requests = [
            request("PATCH", f"/api/v1/tickets/{WATCHED}", key=self.scene.admin_key, body={"title": title})
            for title in (f"As of {time.time()}", f"Later than {time.time()}")
        ]
        drive(self.ports, [repeated(requests)], limit)

    def imported(self, _: float | None, ready: Ready) -> Result:
        """Items a second that the command imports, one file after the other."""
        checkout, items = self.scene.checkout, 0
        file = fleet.write_beads(checkout.home / "import.jsonl", IMPORTED)
        ready()
        begun = time.monotonic()
        while time.monotonic() - begun < self.seconds:
            checkout.run("import", "beads", str(file), "--project", f"I{self.runs}N{items // IMPORTED}")
            items += IMPORTED
        rate = items / (time.monotonic() - begun)
        [(rows, different)] = self._rows(IN_PROJECTS, f"I{self.runs}N%")
        return _result("imported", rate, items, twice=rows - different, lost=items - different)


def _result(name: str, rate: float, granted: int, *, twice: int = 0, lost: int = 0) -> Result:
    return {"rates": {name: rate}, "granted": granted, "twice": twice, "lost": lost}


def _pages(asked: bytes, each: int) -> Flow:
    while True:
        answer = yield asked
        if answer.status != 200 or answer.body.count(b'"phase_since":') != each:
            raise LoadFailed(f"a list was answered {answer.status}, without {each} tickets in it")


LOADS: dict[str, Callable[[Mix, float | None, Ready], Result]] = {
    "claims": Mix.claims,
    "lists": Mix.lists,
    "sockets": Mix.sockets,
    "jobs": Mix.jobs,
    "imported": Mix.imported,
}
