"""One scripted agent in its own process. It works on a project over REST, as any client would.

It reads its options as one line of JSON from standard input and ends when that closes, so it never outlives
its parent. It reports each answer as a line of JSON on standard output. It uses no Django, only HTTP.
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

from tickets.simulation.http import Answer, Client, Unanswered

LONGEST_PAUSE_S = 1.0
ANSWER_WITHIN_S = 15.0
MOST_AT_ONCE = 8
WAIT_S = 2.0  # the longest wait of an idle agent; so long it may take to notice the end


@dataclass(frozen=True)
class AgentOptions:
    """The options of an agent: the server, its key, and how long its tasks take."""

    url: str
    key: str
    project: str
    work_s: float = 0.0
    lease_s: int = 60
    speed: float | None = None  # how much faster than recorded; tasks without a record take `work_s`


class Unexpected(Exception):
    """The server gave an answer with which a client cannot go on."""


class Agent:
    def __init__(self, options: AgentOptions) -> None:
        self.options = options
        self.stopped = threading.Event()
        self.client = Client(options.url, ANSWER_WITHIN_S, options.key)
        self.wanted = {"project": options.project, "lease_s": options.lease_s}
        self.at_once = 1  # number of tasks per claim
        self.hand: dict[int, int] = {}  # the fence of each task it holds

    def work(self) -> None:
        """Claim, work and settle until told to stop. If there is no work, try again after a growing pause."""
        pauses, claims = growing(0.02), self.claim()
        while claims or not self.stopped.is_set():
            while claims:
                claims, pauses = self.carry_out(claims), growing(0.02)
            if not self.stopped.is_set() and not (claims := self.claim(wait_s=WAIT_S)):
                self.stopped.wait(next(pauses))

    def claim(self, wait_s: float = 0) -> list[dict[str, Any]]:
        answer = self.ask("/claims", {**self.wanted, "wait_s": wait_s}, once=uuid.uuid4().hex)
        if answer is None or answer.status == 204:
            return []
        if answer.code == "capacity_full":  # we hold claims that we do not know of; their lease will end
            say("refused", code="capacity_full")
            return []
        return granted(expect(answer, 200), waited=wait_s > 0)

    def carry_out(self, claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Work on the claims one by one and settle them together. Returns the next claims from the same
        call.
        """
        self.hand = {int(claim["task"]["id"]): claim["fence"] for claim in claims}
        began = time.monotonic()
        done = [
            task
            for claim in claims
            if self.labour(task := int(claim["task"]["id"]), self.length(claim["brief"].get("work_s")))
        ]
        spent = (time.monotonic() - began) / len(claims)
        return self.settle(mine, spent) if (mine := [task for task in done if task in self.hand]) else []

    def length(self, recorded_s: float | None) -> float:
        """Seconds the work takes."""
        return (
            recorded_s / self.options.speed
            if self.options.speed and recorded_s is not None
            else self.options.work_s
        )

    def labour(self, task: int, work_s: float) -> bool:
        """Wait for the length of the work, with a heartbeat every third of the lease. False if the claim was
        lost or released.
        """
        ends = time.monotonic() + work_s
        while task in self.hand and (left := ends - time.monotonic()) > 0:
            if self.stopped.wait(min(left, self.options.lease_s / 3)):
                self.ask(
                    f"/tasks/{task}/release",
                    {"fence": self.hand.pop(task), "reason": "the simulation was ended"},
                )
            elif left > self.options.lease_s / 3:
                self.renew()
        return task in self.hand

    def renew(self) -> None:
        answer = self.ask(
            "/agents/me/heartbeat",
            {"claims": [{"task": str(task), "fence": fence} for task, fence in self.hand.items()]},
        )
        for lost in expect(answer, 200).json()["lost"] if answer else []:
            task = int(lost["task"])
            say("refused", code="claim_lost", task=task, fence=self.hand.pop(task))

    def settle(self, done: list[int], spent: float) -> list[dict[str, Any]]:
        items = [
            {
                "task": str(task),
                "fence": self.hand[task],
                "outcome": "completed",
                "result": {"simulated": True},
            }
            for task in done
        ]
        after = {} if self.stopped.is_set() else {"next": {**self.wanted, "limit": self.at_once}}
        answer = self.ask("/settlements", {"items": items, **after})
        if answer is None:
            return []
        for result in expect(answer, 200).json()["results"]:
            task = int(result["task"])
            fact: dict[str, Any] = {"task": task, "fence": self.hand[task], "more": True}
            if result["ok"]:
                say("completed", **fact)
            else:
                say("refused", code=result["code"], **fact)
        self.at_once = fitting(answer.seconds, spent)
        return granted(answer)

    def ask(self, path: str, body: dict[str, Any], *, once: str = "") -> Answer | None:
        """Send a call; if its answer is lost, repeat it unchanged.

        Returns None if told to stop before an answer came.
        """
        headers = {"Idempotency-Key": once} if once else {}
        for pause in growing(0.05):
            try:
                answer = self.client.post(f"/api/v1{path}", body, headers)
            except Unanswered as error:
                say("unanswered", why=str(error))
            else:
                if not worth_repeating(answer):
                    return answer
                say("unanswered", why=str(answer.status))
                pause = max(pause, patience_asked(answer))
            if self.stopped.wait(pause):
                return None
        raise AssertionError("unreachable")


def fitting(trip_s: float, work_s: float) -> int:
    """How many tasks to claim at once: if a task is shorter than a round trip, enough to fill one."""
    return max(1, min(MOST_AT_ONCE, round(trip_s / work_s))) if work_s > 0.001 else 1


def granted(answer: Answer, *, waited: bool = False) -> list[dict[str, Any]]:
    """The claims of an answer, which are reported with the time of the call, unless it may have waited for
    work.
    """
    claims: list[dict[str, Any]] = answer.json().get("claims", [])
    say(
        "claimed",
        tasks=[int(claim["task"]["id"]) for claim in claims],
        ms=None if waited else answer.seconds * 1000,
    )
    return claims


def worth_repeating(answer: Answer) -> bool:
    return answer.status >= 500 or answer.status in (408, 429) or answer.code == "idempotency_in_progress"


def patience_asked(answer: Answer) -> float:
    header = answer.headers.get("Retry-After", "")
    return min(float(header), 5.0) if header.isdigit() else 0.0


def expect(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        raise Unexpected(
            f"{answer.call} was answered {answer.status}: {answer.text[:500].decode(errors='replace')}"
        )
    return answer


def growing(first: float) -> Iterator[float]:
    """Pauses that double up to a limit, with some randomness, so that agents do not return at the same
    time.
    """
    while True:
        yield first * random.uniform(0.75, 1.25)
        first = min(first * 2, LONGEST_PAUSE_S)


def say(what: str, *, more: bool = False, **facts: Any) -> None:
    """Print one line for the parent; with `more` it is flushed with the next line."""
    print(json.dumps({"what": what, **facts}), flush=not more)


def stop_when_left_alone(agent: Agent) -> None:
    while os.read(0, 1024):
        pass
    agent.stopped.set()


def main() -> int:
    say("ready")
    if not (options := os.read(0, 65536)):
        return 0  # the parent is gone
    agent = Agent(AgentOptions(**json.loads(options)))
    threading.Thread(target=stop_when_left_alone, args=[agent], daemon=True).start()
    try:
        agent.work()
    except BrokenPipeError:  # the parent no longer reads
        return 1
    except (Unexpected, KeyError, ValueError) as error:
        say(
            "failed",
            why=f"{type(error).__name__}: {error}" if not isinstance(error, Unexpected) else str(error),
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
