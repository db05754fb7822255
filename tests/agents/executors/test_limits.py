"""A job that exceeds a limit of its profile is ended, and its error names the limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.job_host import LEVELS, JobHost, job_host

PYTHON = "/usr/bin/python3 -c"


@pytest.fixture(
    scope="module",
    params=[pytest.param(level, marks=pytest.mark.full) for level in LEVELS[1:]] + ["root+bwrap"],
)
def host(request) -> Iterator[JobHost]:
    with job_host(request.param) as running:
        yield running


EXCEEDED = {
    "processes": ("for n in $(seq 30); do sleep 60 & done; wait", {"processes": 20}),
    "threads": (
        f"{PYTHON} 'from threading import *; [Thread(target=Event().wait).start() for n in range(30)]'",
        {"processes": 20},
    ),
    "memory of one": (f"{PYTHON} 'import time; a = bytearray(100 << 20); time.sleep(60)'", {"memory_mb": 50}),
    "memory in a file without a name": (
        f"{PYTHON} 'import os, time; os.write(os.memfd_create(\"x\"), bytes(90 << 20)); time.sleep(60)'",
        {"disk_mb": 50},
    ),
    "cpu of one": ("while :; do :; done", {"cpu_s": 1}),
    "cpu of many": ("for n in 1 2 3; do (while :; do :; done) & done; wait", {"cpu_s": 1}),
    "cpu of those that have ended": ("while :; do head -c 3000000 /dev/zero | sha256sum; done", {"cpu_s": 1}),
    "open_files": (f"{PYTHON} 'kept = [open(\"/dev/null\") for n in range(100)]'", {"open_files": 40}),
    "file_size": ("head -c 3000000 /dev/zero > file", {"file_mb": 1}),
    "file_size in Python": (f'{PYTHON} \'open("file", "wb").write(bytes(3 << 20))\'', {"file_mb": 1}),
    "disk in one file": ("head -c 90000000 /dev/zero > $TMPDIR/file; sleep 60", {"disk_mb": 50}),
    "disk in a file without a name": (
        "exec 5>file; rm file; head -c 90000000 /dev/zero >&5; sleep 60",
        {"disk_mb": 50},
    ),
    "disk where paths are too long": (
        f"{PYTHON} '"
        'import os, time\nfor n in range(20): os.mkdir("d" * 240); os.chdir("d" * 240)\n'
        'open("file", "wb").write(bytes(90 << 20)); time.sleep(60)\'',
        {"disk_mb": 50},
    ),
    "disk in a folder that it closed": (
        "mkdir closed; chmod 0300 closed; head -c 90000000 /dev/zero > closed/file; sleep 60",
        {"disk_mb": 50},
    ),
    "output": ("yes", {"output_mb": 1}),
}
CODES = {"threads": "processes", "memory in a file without a name": "disk"}


@pytest.mark.parametrize("what", EXCEEDED)
def test_it_is_ended_and_told_by_which(host, what):
    text, limits = EXCEEDED[what]
    code = CODES.get(what, what.split()[0])

    ending = host.run(text, limits=limits)

    assert not ending["ok"]
    assert ending["error"].startswith(f"limit_{code}: "), ending
    assert ending["result"]["limit"] == code
    assert ending["result"]["seconds"] < 30
    [number] = limits.values()
    assert f" {number} " in ending["error"]


def test_memory_that_several_share_counts_once(host):
    text = "import os, time; kept = bytearray(60 << 20); [os.fork() for n in range(2)]; time.sleep(0.5)"
    assert host.run(f"{PYTHON} '{text}'", limits={"memory_mb": 130})["ok"]


def test_a_limit_beyond_what_the_machine_allows_is_what_it_allows(host):
    assert int(host.output_of("ulimit -n", limits={"open_files": 1 << 30})) < 1 << 30


def test_within_its_limits_it_is_left_alone(host):
    limits = {
        "processes": 30,
        "memory_mb": 200,
        "open_files": 60,
        "file_mb": 9,
        "disk_mb": 30,
        "output_mb": 4,
    }
    text = (
        "for n in $(seq 20); do sleep 0.5 & done; for n in 1 2 3; do head -c 8000000 /dev/zero > $n; done;"
        " head -c 3000000 /dev/zero; wait"
    )
    assert host.run(text, limits=limits)["ok"]
