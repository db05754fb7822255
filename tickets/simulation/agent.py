"""One scripted agent, in a process of its own: it works a project over REST as any client would.

It is told what to do by one line of JSON on standard input and ends when that closes, so it never outlives whoever started
it. What it was answered it says on standard output, a line of JSON each. No Django here: it knows the server by HTTP alone.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

LONGEST_PAUSE_S = 1.0
ANSWER_WITHIN_S = 15.0
WAIT_S = 5.0  # the server answers as soon as there is work


@dataclass(frozen=True)
class Orders:
    """What an agent is told: where the server is, who it is there, and how long each task takes it."""

    url: str
    key: str
    project: str
    work_s: float = 0.0
    lease_s: int = 60
    speed: float | None = None  # how much faster than where it ran before; tasks that tell nothing take `work_s`


class Unexpected(Exception):
    """The server answered something no client can go on from."""


class Agent:
    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.stopped = threading.Event()
        self.http = httpx.Client(
            base_url=f"{orders.url}/api/v1", headers={"Authorization": f"Bearer {orders.key}"}, timeout=ANSWER_WITHIN_S, trust_env=False
        )

    def work(self) -> None:
        """Claim, work, complete, until told to stop; an empty queue is asked again after a growing pause."""
        pauses = growing(0.02)
        while not self.stopped.is_set():
            claims = self.claim()
            for claim in claims:
                self.carry_out(int(claim["task"]["id"]), claim["fence"], self.length(claim["brief"].get("work_s")))
            if claims:
                pauses = growing(0.02)
            else:
                self.stopped.wait(next(pauses))

    def claim(self) -> list[dict[str, Any]]:
        body = {"project": self.orders.project, "limit": 1, "lease_s": self.orders.lease_s, "wait_s": WAIT_S}
        answer = self.ask("/claims", body, once=uuid.uuid4().hex)
        if answer is None or answer.status_code == 204:
            return []
        if code(answer) == "capacity_full":  # a claim of ours that we do not know of: it ends by its lease
            say("refused", code="capacity_full")
            return []
        claims = expect(answer, 200).json()["claims"]
        say("claimed", tasks=[int(claim["task"]["id"]) for claim in claims], ms=answer.elapsed.total_seconds() * 1000)
        return claims

    def length(self, told: float | None) -> float:
        """Seconds the work takes."""
        return told / self.orders.speed if self.orders.speed and told is not None else self.orders.work_s

    def carry_out(self, task: int, fence: int, work_s: float) -> None:
        if not self.labour(task, fence, work_s):
            return
        answer = self.ask(f"/tasks/{task}/completion", {"fence": fence, "result": {"simulated": True}})
        if answer is None:
            return
        if code(answer) == "claim_lost":
            say("refused", code="claim_lost", task=task, fence=fence)
        else:
            expect(answer, 200)
            say("completed", task=task, fence=fence)

    def labour(self, task: int, fence: int, work_s: float) -> bool:
        """Take as long as the work takes, with a heartbeat at each third of the lease; False when the claim was lost or given back."""
        ends = time.monotonic() + work_s
        while (left := ends - time.monotonic()) > 0:
            if self.stopped.wait(min(left, self.orders.lease_s / 3)):
                self.ask(f"/tasks/{task}/release", {"fence": fence, "reason": "the simulation was ended"})
                return False
            if left > self.orders.lease_s / 3:
                answer = self.ask("/agents/me/heartbeat", {"claims": [{"task": str(task), "fence": fence}]})
                if answer is not None and expect(answer, 200).json()["lost"]:
                    say("refused", code="claim_lost", task=task, fence=fence)
                    return False
        return True

    def ask(self, path: str, body: dict[str, Any], *, once: str = "") -> httpx.Response | None:
        """The answer; a call whose answer was lost is repeated just as it was. None when told to stop before one came."""
        text, headers = json.dumps(body), {"Content-Type": "application/json", **({"Idempotency-Key": once} if once else {})}
        for pause in growing(0.05):
            try:
                answer = self.http.post(path, content=text, headers=headers)
            except httpx.TransportError as error:
                say("unanswered", why=type(error).__name__)
            else:
                if not worth_repeating(answer):
                    return answer
                say("unanswered", why=str(answer.status_code))
                pause = max(pause, patience_asked(answer))
            if self.stopped.wait(pause):
                return None
        raise AssertionError("unreachable")


def worth_repeating(answer: httpx.Response) -> bool:
    return answer.status_code >= 500 or answer.status_code in (408, 429) or code(answer) == "idempotency_in_progress"


def patience_asked(answer: httpx.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), 5.0) if asked.isdigit() else 0.0


def code(answer: httpx.Response) -> str:
    """The stable code of a refusal; empty for anything else."""
    if answer.status_code < 400 or "json" not in answer.headers.get("Content-Type", ""):
        return ""
    return str(answer.json().get("code", ""))


def expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        raise Unexpected(f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code}: {answer.text[:500]}")
    return answer


def growing(first: float) -> Iterator[float]:
    """Pauses that double up to a measure, each a little off, so that a crew does not come back in step."""
    while True:
        yield first * random.uniform(0.75, 1.25)
        first = min(first * 2, LONGEST_PAUSE_S)


def say(what: str, **facts: Any) -> None:
    print(json.dumps({"what": what, **facts}), flush=True)


def stop_when_left_alone(agent: Agent) -> None:
    while os.read(0, 1024):
        pass
    agent.stopped.set()


def main() -> int:
    say("ready")
    if not (orders := os.read(0, 65536)):
        return 0  # whoever started it has gone
    agent = Agent(Orders(**json.loads(orders)))
    threading.Thread(target=stop_when_left_alone, args=[agent], daemon=True).start()
    try:
        agent.work()
    except BrokenPipeError:  # nobody listens any more
        return 1
    except (Unexpected, KeyError, ValueError) as error:
        say("failed", why=f"{type(error).__name__}: {error}" if not isinstance(error, Unexpected) else str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
