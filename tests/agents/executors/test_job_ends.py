"""However a job ends, every descendant ends with it: none survives by leaving its group, its session, its
environment or its parent, by ignoring signals, or by numbers.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.job_host import LEVELS, JobHost, job_host
from tests.support.wait import until

MOST_S = 3.0
CHILDREN = 200


@pytest.fixture(scope="module", params=LEVELS)
def level(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def host(level) -> Iterator[JobHost]:
    with job_host(level) as running:
        yield running


@pytest.fixture
def mark() -> str:
    """A number that only the processes of one test sleep for."""
    return f"{random.randrange(10**8, 10**9)}"


def alive(mark: str) -> int:
    said = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True).stdout
    return sum(line.split()[:2] == ["sleep", mark] for line in said.splitlines())


def family(mark: str, then: str) -> str:
    """Descendants that try to outlive the job in each way; then the job goes on with `then`."""
    return f"""
        setsid sleep {mark} &
        (setsid sh -c 'sleep {mark} & sleep {mark}' &) &
        env -i setsid sleep {mark} &
        (trap '' TERM INT HUP; setsid sleep {mark}) &
        for n in $(seq {CHILDREN}); do sleep {mark} & done
        until [ $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep {mark}' | wc -l) \\
            -ge {CHILDREN + 5} ]; do :; done
        {then}"""


def ends_in_time(mark: str, began: float) -> None:
    until(lambda: not alive(mark), MOST_S + 5)
    assert time.monotonic() - began < MOST_S


@pytest.mark.parametrize("then", ["exit 0", "exit 3", "kill -9 $$"])
def test_with_its_own_end(host, mark, then):
    ending = host.run(family(mark, then))

    assert ending["ok"] == (then == "exit 0"), ending
    assert not alive(mark)


def test_with_its_timeout(host, mark):
    ending = host.run(family(mark, "sleep 300"), job={"timeout_s": 4})

    assert ending["error"] == "timed out after 4 s"
    assert ending["result"]["seconds"] < 4 + MOST_S
    assert not alive(mark)


def test_with_a_cancellation_or_a_lost_claim(host, mark):
    number = host.start(family(mark, "sleep 300"))
    until(lambda: alive(mark) >= CHILDREN + 5)
    began = time.monotonic()

    host.stop(number)

    assert host.ending(number)["error"] == "the claim was lost"
    assert not alive(mark)
    assert time.monotonic() - began < MOST_S


def test_with_the_death_of_the_worker(level, mark):
    with job_host(level) as host:
        host.start(family(mark, "sleep 300"))
        until(lambda: alive(mark) >= CHILDREN + 5)
        began = time.monotonic()

        host.kill()

        ends_in_time(mark, began)


def test_with_the_death_of_its_supervisor(host, mark):
    """The spawner ends what the supervisor left, and the job has failed."""
    number = host.start(family(mark, "sleep 300"))
    until(lambda: alive(mark) >= CHILDREN + 5)
    began = time.monotonic()

    [spawner] = pids_below(host.process.pid)
    for supervisor in pids_below(spawner):
        os.kill(supervisor, signal.SIGKILL)

    assert host.ending(number)["error"] == "its supervisor was killed"
    ends_in_time(mark, began)


def test_with_the_death_of_the_spawner_and_another_takes_its_place(host, mark):
    number = host.start(family(mark, "sleep 300"))
    until(lambda: alive(mark) >= CHILDREN + 5)
    began = time.monotonic()

    [spawner] = pids_below(host.process.pid)
    os.kill(spawner, signal.SIGKILL)

    assert not host.ending(number)["ok"]
    ends_in_time(mark, began)
    assert host.said("echo still here") == "still here\n"


def test_with_the_death_of_both_by_the_worker_itself(host, mark):
    number = host.start(family(mark, "sleep 300"))
    until(lambda: alive(mark) >= CHILDREN + 5)
    began = time.monotonic()

    [spawner] = pids_below(host.process.pid)
    os.kill(spawner, signal.SIGSTOP)
    for supervisor in pids_below(spawner):
        os.kill(supervisor, signal.SIGKILL)
    os.kill(spawner, signal.SIGKILL)

    assert host.ending(number)["error"] == "its supervisor was killed"
    ends_in_time(mark, began)


def pids_below(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
