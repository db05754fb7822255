"""However a job ends, every descendant ends with it: none survives by leaving its group, its session, its
environment or its parent, by ignoring signals, or by numbers.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.job_host import LEVELS, JobHost, job_host, sleepers
from tests.support.wait import until

MOST_S = 3.0
CHILDREN = 200


# The strictest and the loosest level each time; those between with `--full`.
@pytest.fixture(
    scope="module",
    params=[LEVELS[0], *(pytest.param(name, marks=pytest.mark.full) for name in LEVELS[1:3]), LEVELS[3]],
)
def level(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def host(level) -> Iterator[JobHost]:
    with job_host(level) as running:
        yield running


@pytest.fixture
def mark() -> Iterator[str]:
    """A number that only the processes of one test sleep for."""
    mark = f"{random.randrange(10**8, 10**9)}"
    yield mark
    for pid in sleepers(mark):  # of a test that failed
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def alive(mark: str) -> int:
    return len(sleepers(mark))


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


@pytest.mark.full
def test_folders_that_it_closed_end_with_it(host):
    assert host.run("mkdir -p a/b; touch a/b/c; chmod 0 a/b a")["ok"]
    assert not list((host.home / "executors" / "work").glob("*-test.*"))


@pytest.mark.parametrize("then", ["exit 0", "exit 3", "kill -9 $$"])
def test_with_its_own_end(host, mark, then):
    ending = host.run(family(mark, then))

    assert ending["ok"] == (then == "exit 0"), ending
    assert not alive(mark)


@pytest.mark.full
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


@pytest.mark.full
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
    assert host.output_of("echo still here") == "still here\n"


def test_with_the_death_of_both_by_the_worker_itself(host, mark):
    number = host.start(family(mark, "sleep 300"))
    until(lambda: alive(mark) >= CHILDREN + 5)
    began = time.monotonic()

    kill_spawner_and_supervisors(host)

    assert host.ending(number)["error"] == "its supervisor was killed"
    ends_in_time(mark, began)


@pytest.mark.full
@pytest.mark.parametrize("name", [pytest.param("root+bwrap", marks=pytest.mark.full), "root"])
def test_what_outlives_all_three_ends_when_a_worker_starts(name, mark):
    """And its files are gone: its uid is the next job's."""
    file = Path("/tmp") / f"omoi-test-{mark}"
    with job_host(name) as host:
        host.start(f"echo kept > {file}; " + family(mark, "sleep 300"))
        until(lambda: alive(mark) >= CHILDREN + 5)
        os.kill(host.process.pid, signal.SIGSTOP)
        kill_spawner_and_supervisors(host)
        host.kill()
    if name == "root":
        assert alive(mark)
        assert file.exists()

    with job_host(name) as host:
        assert host.output_of("echo works") == "works\n"
        until(lambda: not alive(mark), MOST_S)
        assert not file.exists()


def test_a_machine_that_has_no_room_for_another_process_ends_no_other_job(mark):
    with job_host("user") as host:
        running = host.start(f"until [ -e $OMOI_SHARED/{mark} ]; do sleep 0.05; done", shared="tests")
        [spawner] = until(lambda: pids_below(host.process.pid))
        until(lambda: pids_below(spawner))
        allow_processes(host, spawner, 0)

        refused = host.run("true")

        allow_processes(host, spawner, 1000)
        assert refused["error"] == "sh could not be started: Resource temporarily unavailable"
        assert host.output_of(f"touch $OMOI_SHARED/{mark}; echo ran", shared="tests") == "ran\n"
        assert host.ending(running)["ok"]
        assert pids_below(host.process.pid) == [spawner]


def allow_processes(host: JobHost, pid: int, most: int) -> None:
    """By the user it belongs to: not every root may."""
    as_user = {"user": host.uid, "group": host.uid} if host.uid != os.geteuid() else {}
    subprocess.run(["prlimit", f"--pid={pid}", f"--nproc={most}:"], check=True, **as_user)


def kill_spawner_and_supervisors(host: JobHost) -> None:
    [spawner] = pids_below(host.process.pid)
    os.kill(spawner, signal.SIGSTOP)
    try:
        for supervisor in pids_below(spawner):
            os.kill(supervisor, signal.SIGKILL)
    finally:
        os.kill(spawner, signal.SIGKILL)


def pids_below(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
