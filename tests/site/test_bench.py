"""`manage.py bench` measures on a temporary database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.site.test_commands import run
from tests.support.up_process import short_home
from tests.support.wait import until


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where a bench makes its folder."""
    with short_home("omoi-bench-test-") as home:
        yield home.parent


def alone(scratch: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(scratch)}


@pytest.mark.full
def test_what_can_be_measured_is_listed():
    told = json.loads(run("bench", "--list", "--json").stdout)
    assert "What a claim costs" in {each["name"]: each["about"] for each in told["benches"]}["claim"]
    assert "\nclaim " in run("bench", "--list").stdout


@pytest.mark.full
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "name a bench: backlog, claim"),
        (["rust"], 1, "there is no bench rust"),
        (["claim", "--sizes", "x"], 2, "a whole number"),
    ],
)
def test_what_cannot_be_measured_is_refused(words, code, said):
    refused = run("bench", *words)
    assert refused.returncode == code
    assert said in refused.stderr


@pytest.mark.full
def test_a_bench_measures_on_a_database_of_its_own_and_leaves_nothing(scratch):
    done = run(
        "bench",
        "claim",
        "--json",
        "--sizes",
        "50",
        "--rounds",
        "1",
        "--claims",
        "2",
        environment=alone(scratch),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rounds"], set(told["systems"])) == (1, {"statement", "verb", "bare"})
    assert done.stderr == ""
    assert list(scratch.iterdir()) == []


@pytest.mark.full
def test_a_bench_that_is_broken_off_leaves_nothing_either(scratch):
    words = [sys.executable, "manage.py", "bench", "claim"]
    with subprocess.Popen(
        words, cwd=settings.ROOT, env=alone(scratch), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as bench:
        try:
            until(lambda: list(scratch.glob("omoi-bench-*/**/postmaster.pid")))
            bench.send_signal(signal.SIGINT)
            assert bench.wait(60) == 130
        finally:
            bench.terminate()
    assert list(scratch.iterdir()) == []
