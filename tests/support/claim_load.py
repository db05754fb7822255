"""Claimers of the storm: a process of its own, in it many threads, each with a client and an agent's key.

    python -m tests.support.claim_load URL SECONDS KEY…      one thread a key; prints [[key's place, task,
      fence], …]

Each takes what it is granted and completes it, until nothing has been ready for a while.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import httpx

QUIET_S = 1.5  # nothing ready for this long: it is over, not only in somebody else's hands


def work(url: str, key: str, seconds: float, note: Any) -> None:
    """Claim and complete; `note(task, fence)` for each task granted."""
    with httpx.Client(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60, verify=False
    ) as client:
        deadline, quiet_since = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < min(deadline, quiet_since + QUIET_S):
            answer = client.post("/claims", json={"limit": 2})
            if answer.status_code == 409:  # the agent's other threads hold all it may
                assert answer.json()["code"] == "capacity_full", answer.text
                quiet_since = time.monotonic()
                time.sleep(0.01)
                continue
            assert answer.status_code in (200, 204), answer.text
            if answer.status_code == 204:
                time.sleep(0.05)
                continue
            for claim in answer.json()["claims"]:
                note(claim["task"]["id"], claim["fence"])
                done = client.post(f"/tasks/{claim['task']['id']}/completion", json={"fence": claim["fence"]})
                assert done.status_code == 200, done.text
            quiet_since = time.monotonic()


def main(url: str, seconds: float, keys: list[str]) -> int:
    granted: list[list[Any]] = []
    faults: list[str] = []

    def one(place: int, key: str) -> None:
        try:
            work(url, key, seconds, lambda task, fence: granted.append([place, task, fence]))
        except Exception as error:
            faults.append(repr(error))

    threads = [threading.Thread(target=one, args=at) for at in enumerate(keys)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump({"granted": granted, "faults": faults}, sys.stdout)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
