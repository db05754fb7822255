"""Agents that empty a project over HTTP, and what is then written down about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.checkout import Checkout
from bench.load import Flow, Limit, LoadFailed, Ports, drive, request
from bench.processes import BenchFailed, cpu_s, process_tree

PATIENCE_S = 1800.0
OPEN_TASKS = "SELECT count(*) FROM tickets_task WHERE state IN ('pending', 'claimed')"
OPEN_TICKETS = "SELECT count(*) FROM tickets_ticket WHERE phase <> 'DONE'"
TRAIL = """
SELECT
  extract(epoch FROM (SELECT max(at) FROM tickets_phasemove) - (SELECT max(ended_at) FROM tickets_task))
"""


def write_beads(path: Path, items: int, every: int = 2) -> Path:
    """A backlog of so many items; one in `every` waits for the item ten before it."""
    with path.open("w") as file:
        for n in range(items):
            needs = [{"issue_id": f"b-{n}", "depends_on_id": f"b-{n - 10}", "type": "blocks"}]
            item = {
                "id": f"b-{n}",
                "title": f"Item {n}",
                "description": "Write it, with a test.",
                "status": "open",
                "priority": n % 4,
                "issue_type": "task",
                "dependencies": needs if n >= 10 and n % every == 0 else [],
            }
            file.write(json.dumps(item) + "\n")
    return path


def settle_until_empty(key: str, batch: int, done: list[str]) -> Flow:
    """One agent: it claims, completes and takes the next until nothing is ready for it."""
    answer = yield request("POST", "/api/v1/claims", key=key, body={"limit": batch})
    while answer.status == 200:
        document = answer.json()
        done += [result["task"] for result in document.get("results", ()) if result["ok"]]
        items = [
            {"task": claim["task"]["id"], "fence": claim["fence"], "outcome": "completed"}
            for claim in document.get("claims", ())
        ]
        if not items:
            return
        body = {"items": items, "next": {"limit": batch}}
        answer = yield request("POST", "/api/v1/settlements", key=key, body=body)
    if answer.status != 204:
        raise LoadFailed(f"answered {answer.status}: {answer.body[:300]!r}")


def drain(checkout: Checkout, ports: Ports, keys: list[str], batch: int) -> int:
    """Work until no task is open. Returns how many were completed."""
    done: list[str] = []
    ends = time.monotonic() + PATIENCE_S
    while count(checkout, OPEN_TASKS):
        before = len(done)
        drive(ports, [settle_until_empty(key, batch, done) for key in keys], Limit(PATIENCE_S))
        if len(done) == before:
            if time.monotonic() > ends:
                raise BenchFailed("tasks stay open, and none of them is ready")
            time.sleep(0.05)
    return len(done)


def wait_for_moves(checkout: Checkout) -> float:
    """Wait until every ticket is done. Seconds from the last completion to the last move."""
    ends = time.monotonic() + PATIENCE_S
    while left := count(checkout, OPEN_TICKETS):
        if time.monotonic() > ends:
            raise BenchFailed(f"{left} tickets did not move on")
        time.sleep(0.1)
    with checkout.connect() as link:
        return max(0.0, float(link.execute(TRAIL).fetchone()[0]))


def count(checkout: Checkout, statement: str) -> int:
    with checkout.connect() as link:
        return int(link.execute(statement.encode()).fetchone()[0])


def cpu_of_all(checkout: Checkout) -> Callable[[], float]:
    """A function that returns the CPU seconds of the checkout's processes, their children and those that have
    ended.
    """
    pids = [process.pid for process in checkout.processes]
    return lambda: cpu_s([pid for root in pids for pid in process_tree(root)], ended=True)
