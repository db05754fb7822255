"""The loads of `bench http`, the same for each system: one call measures one round and returns its rate."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load import Flow, Limit, Load, LoadFailed, Ports, drive, repeated, request, shared_out
from bench.peer_web import TITLES, PeerWeb
from bench.processes import cpu_s
from bench.rounds import rounded
from bench.scenes import Agent, Scene

CONNECTIONS = 16
WARM = 64  # requests before each round that are not counted: connections plan their statements
LEASE_S = 3600
MOST_AT_ONCE = 100  # tasks that one claim may ask for
MOST_OF_50 = 400  # claims of 50 in a round: what is ready must last


@dataclass(frozen=True)
class Size:
    """How much there is, and how long a round goes on."""

    tickets: int = 2000
    ready: int = 20_000
    seconds: float = 4.0

    @classmethod
    def of(cls, options: argparse.Namespace) -> Size:
        return cls(tickets=100, ready=2_000, seconds=4.0) if options.quick else cls()


@dataclass
class Books:
    """What a system granted in all rounds, and how much of it was granted twice or is missing."""

    granted: int = 0
    twice: int = 0
    lost: int = 0

    def add(self, granted: Sequence[Any], claimed: int) -> None:
        self.granted += len(granted)
        self.twice += len(granted) - len(set(granted))
        self.lost += abs(claimed - len(set(granted)))

    def document(self) -> dict[str, int]:
        return {"granted": self.granted, "twice": self.twice, "lost": self.lost}


@dataclass
class System:
    """Something that answers HTTP on `ports`."""

    ports: Ports
    processes: list[Any]
    size: Size
    books: Books = field(default_factory=Books)
    cpu_us: list[float] = field(default_factory=list)  # of its web processes, per request, by round

    def drive(self, flows: Sequence[Flow], requests: int | None = None) -> Load:
        """One round."""
        pids = [process.pid for process in self.processes]
        begun = cpu_s(pids)
        load = drive(self.ports, flows, Limit(self.size.seconds, requests))
        self.cpu_us.append((cpu_s(pids) - begun) / max(1, load.requests) * 1e6)
        return load

    def taken_cpu(self) -> float | None:
        """CPU microseconds of a request in the rounds since the last call; None if there were none."""
        figures, self.cpu_us = self.cpu_us, []
        return rounded(statistics.median(figures)) if figures else None

    def warm(self, flows: Sequence[Flow]) -> None:
        drive(self.ports, flows, Limit(30.0, WARM))

    def repeat(self, requests: Sequence[bytes]) -> float:
        """The rate of these requests, over and over."""
        self.warm(flows_of(requests))
        return self.drive(flows_of(requests)).per_s


def flows_of(requests: Sequence[bytes], keep: list[bytes] | None = None) -> list[Flow]:
    return [repeated(each, keep=keep) for each in shared_out(requests, CONNECTIONS)]


def batches(ready: int, batch: int, agents: int) -> tuple[int, int]:
    """How many tasks to make ready for claims of so many, and how many claims at most: what is ready and what
    the agents may hold must last.
    """
    if batch == 1:
        return ready, ready - 2 * WARM - CONNECTIONS
    most = min(MOST_OF_50, ready // 10, 8 * agents)
    return (most + WARM) * batch * 2, most


class Ours(System):
    """Omoi: the web processes of a scene's checkout."""

    def __init__(self, scene: Scene, processes: int, size: Size) -> None:
        super().__init__(*scene.checkout.web(processes), size)
        self.scene, self.agents = scene, scene.agents
        self.held: dict[str, list[dict[str, Any]]] = {}

    @property
    def checks(self) -> dict[str, Any]:
        return {"omoi": self.books.document()}

    def claims(self, agents: int, batch: int) -> float:
        ready, most = batches(self.size.ready, batch, agents)
        self.scene.refill(ready)
        bodies: list[bytes] = []
        requests = [
            request("POST", "/api/v1/claims", key=agent.key, body={"limit": batch, "lease_s": 60})
            for agent in self.agents[:agents]
        ]
        self.warm(flows_of(requests, bodies))
        load = self.drive(flows_of(requests, bodies), most)
        self.books.add(list(granted(bodies)), self.scene.claimed())
        return load.per_s

    def lists(self) -> float:
        projects = self.scene.projects
        return self.repeat(
            [
                request(
                    "GET", f"/api/v1/tickets?project={projects[n % len(projects)]}&limit=50", key=agent.key
                )
                for n, agent in enumerate(self.agents)
            ]
        )

    def hold(self, each: int, agents: Sequence[Agent]) -> None:
        """Begin again with agents that hold so many claims each."""
        self.scene.refill(each * len(agents) + 100)
        self.held = {}
        for agent in agents:
            taken = take(self.ports, "/api/v1/claims", agent.key, each)
            self.held[agent.key] = [{"task": claim["task"]["id"], "fence": claim["fence"]} for claim in taken]

    def heartbeats(self) -> float:
        return self.repeat(
            [
                request("POST", "/api/v1/agents/me/heartbeat", key=key, body={"claims": claims})
                for key, claims in self.held.items()
            ]
        )

    def settlements(self) -> float:
        """Tasks a second that 16 agents settle, eight in a request that also takes the next eight."""
        self.scene.refill(self.size.ready)
        settled: list[str] = []
        flows = [settle_and_take(agent.key, settled) for agent in self.agents[:CONNECTIONS]]
        load = self.drive(flows, self.size.ready // 8 - 2 * CONNECTIONS)
        with self.scene.checkout.connect() as link:
            asked = "SELECT count(*) FROM tickets_task WHERE state = 'completed' AND settled_by IS NOT NULL"
            completed = link.execute(asked).fetchone()[0]
        self.books.add(settled, completed)
        return len(settled) / load.seconds


def settle_and_take(key: str, settled: list[str]) -> Flow:
    answer = yield request("POST", "/api/v1/claims", key=key, body={"limit": 8})
    while True:
        if answer.status != 200:
            raise LoadFailed(f"answered {answer.status}: {answer.body[:300]!r}")
        document = answer.json()
        settled += [result["task"] for result in document.get("results", ()) if result["ok"]]
        items = [
            {"task": claim["task"]["id"], "fence": claim["fence"], "outcome": "completed"}
            for claim in document["claims"]
        ]
        if len(items) < 8:
            raise LoadFailed("there were no more ready tasks")
        body = {"items": items, "next": {"limit": 8}}
        answer = yield request("POST", "/api/v1/settlements", key=key, body=body)


def take(ports: Ports, path: str, key: str, count: int) -> list[dict[str, Any]]:
    """Claims of so many tasks, at most a hundred a request."""
    bodies: list[bytes] = []
    asked = [
        request("POST", path, key=key, body={"limit": min(MOST_AT_ONCE, count - taken), "lease_s": LEASE_S})
        for taken in range(0, count, MOST_AT_ONCE)
    ]
    drive(ports, [repeated(asked, keep=bodies)], Limit(30.0, len(asked)))
    return [claim for body in bodies for claim in claims_in(body)]


def claims_in(body: bytes) -> list[dict[str, Any]]:
    claims: list[dict[str, Any]] = json.loads(body)["claims"]
    return claims


def granted(bodies: Sequence[bytes]) -> Any:
    """The ids of the tasks in these answers to claims; an answer without any is a failure."""
    for body in bodies:
        claims = claims_in(body)
        if not claims:
            raise LoadFailed("a claim found no ready task: it was not measured")
        for claim in claims:
            yield claim["task"]["id"] if "task" in claim else claim["id"]


class FastAPI(System):
    """FastAPI + asyncpg with the plain work only."""

    def __init__(self, web: PeerWeb, size: Size) -> None:
        super().__init__(web.ports, web.processes, size)
        self.web, self.keys = web, web.keys
        self.held: int = 0
        self.first: int = 0
        self.beats: list[bytes] = []

    @property
    def checks(self) -> dict[str, Any]:
        return {TITLES: self.books.document()}

    def stop(self) -> None:
        self.web.scene.checkout.stop(*self.processes)

    def claims(self, agents: int, batch: int) -> float:
        ready, most = batches(self.size.ready, batch, agents)
        self.web.refill(ready)
        bodies: list[bytes] = []
        requests = [
            request("POST", "/claims", key=key, body={"limit": batch, "lease_s": 60})
            for key in self.keys[:agents]
        ]
        self.warm(flows_of(requests, bodies))
        load = self.drive(flows_of(requests, bodies), most)
        self.books.add(list(granted(bodies)), self.web.claimed())
        return load.per_s

    def pgbench_claims(self, batch: int) -> float:
        ready, most = batches(self.size.ready, batch, len(self.keys))
        self.web.refill(ready)
        return self.web.pgbench_claims(batch, most * 3 // 4 // CONNECTIONS)

    def lists(self) -> float:
        """Of its own tickets."""
        return self._lists("/tickets", self.keys)

    def same_lists(self) -> float:
        """Of Omoi's tickets, with the same fields."""
        return self._lists("/same-tickets", [agent.key for agent in self.web.scene.agents])

    def _lists(self, path: str, keys: Sequence[str]) -> float:
        projects = self.web.scene.projects
        return self.repeat(
            [
                request("GET", f"{path}?project={projects[n % len(projects)]}&limit=50", key=key)
                for n, key in enumerate(keys)
            ]
        )

    def hold(self, each: int, keys: Sequence[str]) -> None:
        self.web.refill(each * len(keys) + 100)
        self.beats, taken = [], []
        for key in keys:
            for claim in take(self.ports, "/claims", key, each):
                taken.append(claim["id"])
                body = {"task": claim["id"], "fence": claim["fence"]}
                self.beats.append(request("POST", "/heartbeat", key=key, body=body))
        self.first, self.held = min(taken), len(taken)

    def heartbeats(self) -> float:
        return self.repeat(self.beats)
