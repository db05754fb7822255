"""Claimers that call the verb itself, as workers do: a process of its own, in it a thread for each agent.

    python -m tests.support.claim_pressure SECONDS BATCH AGENT…      prints how many tasks they were granted

Each takes what it is granted and gives it up at once, so that it always has room.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omoi_site.settings")
django.setup()

from django.db import connection  # noqa: E402  (models need a set-up Django)

from agents.models import Agent  # noqa: E402
from tickets.models import Outcome, Task  # noqa: E402


def work(name: str, end: float, batch: int) -> int:
    agent = Agent.objects.get(name=name)
    claims = Task.objects.claim(by=agent, limit=batch)
    granted = len(claims)
    while time.monotonic() < end:
        outcomes = [Outcome(claim.task, claim.fence, "completed") for claim in claims]
        Task.objects.settle(outcomes, by=agent)
        claims = Task.objects.claim(by=agent, limit=batch)
        granted += len(claims)
    connection.close()
    return granted


def main(seconds: float, batch: int, names: list[str]) -> int:
    granted: list[int] = []
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=lambda name=name: granted.append(work(name, end, batch))) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(granted))
    return 0 if len(granted) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
