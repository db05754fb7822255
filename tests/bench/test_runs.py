"""Each bench, run as small as it goes: it measures what it names, nothing is lost, and nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bench.goals import GOALS, HOT
from bench.processes import process_tree
from tests.support.external import unavailable
from tests.support.up_process import short_home
from tests.support.wait import until

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An OMOI_HOME for the environment of the peers, made once."""
    with short_home("omoi-bench-peers-") as home:
        yield home


@pytest.fixture
def scratch() -> Iterator[Path]:
    with short_home("omoi-bench-runs-") as home:
        yield home.parent


def runs(pid: int) -> bool:
    """Whether the process is there, and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def environment(home: Path, scratch: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return {**kept, "OMOI_HOME": str(home), "TMPDIR": str(scratch)}


def bench(home: Path, scratch: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *words],
        cwd=settings.ROOT,
        env={**environment(home, scratch), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


def measured(home: Path, scratch: Path, *words: str) -> dict[str, Any]:
    done = bench(home, scratch, words[0], "--json", "--quick", *words[1:])
    if "PyPI did not answer" in done.stderr:
        unavailable("network", done.stderr)
    assert done.returncode == 0, done.stderr
    assert [path for path in scratch.iterdir() if path.name != "home"] == []
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_http(home, scratch):
    document = measured(home, scratch, "http", "--svg", str(home / "http.svg"))

    peers = {"FastAPI + asyncpg", "FastAPI + asyncpg, the same SQL", "pgbench"}
    assert set(document["systems"]) == {"omoi", *peers}
    assert {name.split(",")[0] for name in document["ratios"]} == {
        "claim of 1",
        "claim of 50",
        "list of 50",
        "heartbeat of 1",
        "heartbeat of 200 leases",
    }
    for books in document["checks"].values():
        assert books["granted"] > 0
        assert (books["twice"], books["lost"]) == (0, 0)
    assert "FastAPI + asyncpg" in (home / "http.svg").read_text()


def test_http_against_another_commit(home, scratch):
    document = measured(home, scratch, "http", "--against", "HEAD")

    assert document["ratios"]["settle 8 and take 8 next"]["to"] == "omoi at HEAD"
    assert all((books["twice"], books["lost"]) == (0, 0) for books in document["checks"].values())
    worktrees = ["git", "-C", str(settings.ROOT), "worktree", "list"]
    assert str(scratch) not in subprocess.run(worktrees, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", ["jobs", "graph"])
def test_jobs_and_graphs(home, scratch, name):
    document = measured(home, scratch, name)

    assert document["ratios"]
    assert all(books["jobs"] > 0 for books in document["checks"].values())
    assert all((books["twice"], books["lost"]) == (0, 0) for books in document["checks"].values())


@pytest.mark.parametrize(
    ("name", "measures"),
    [
        ("costs", {"buffers of an item settled", "buffers of a claim under a held snapshot"}),
        (
            "memory",
            {"memory of web", "memory of worker", "memory of clock", "memory of PostgreSQL"},
        ),
    ],
)
def test_what_needs_no_peer(home, scratch, name, measures):
    assert {each.split(",")[0] for each in measured(home, scratch, name)["ratios"]} == measures


def test_a_backlog_is_imported_and_done_without_a_loss(home, scratch):
    document = measured(home, scratch, "backlog")

    assert set(document["ratios"]) == {
        "CPU of an item, imported and done",
        "time of an item, imported and done",
    }
    assert document["checks"] == {"lost or done twice": 0}
    assert "last move after last completion" in document["systems"]["40 tickets"]


def test_everything_at_once(home, scratch):
    ratios = measured(home, scratch, "together")["ratios"]

    assert set(ratios) == {
        *(f"load {name}" for name in ("claims", "lists", "sockets", "jobs", "imported")),
        "claim p99",
    }
    assert all(ratio["median"] > 0 for ratio in ratios.values())


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("together", "bench-web-*.log"),
        ("sockets", "bench-web-*.log"),
        ("costs", "data/postmaster.pid"),
        ("cpu", "data/postmaster.pid"),
    ],
)
def test_a_bench_that_is_ended_leaves_nothing(home, scratch, name, seen):
    """By SIGTERM, while its processes work. One of each kind: with every process that there is, with a loop
    of its own, with a server alone, and with rounds of children.
    """
    words = [sys.executable, "manage.py", "bench", name, *([] if name == "cpu" else ["--quick"])]
    with subprocess.Popen(
        words, cwd=settings.ROOT, env=environment(home, scratch), stdin=subprocess.DEVNULL
    ) as running:
        try:
            until(lambda: list(scratch.glob(f"omoi-bench-*/{seen}")), 170)
            processes = process_tree(running.pid)
            running.terminate()
            assert running.wait(170) == 143
        finally:
            running.kill()
    assert [path for path in scratch.iterdir() if path.name != "home"] == []
    assert len(processes) > 1
    until(lambda: not any(runs(pid) for pid in processes))


def test_a_hot_request_costs_few_times_the_cpu_of_an_empty_view(home, scratch):
    """A ratio of CPU, not of time, in turns of few requests: a busy machine hardly moves it."""
    done = bench(home, scratch, "cpu", "--json", "--rounds", "3", "--requests", "40")

    assert done.returncode == 0, done.stderr
    found = {name: each["ratio_to_empty"] for name, each in json.loads(done.stdout)["cpu"].items()}
    hot = {name: ratio for name, ratio in found.items() if name.startswith(HOT)}
    print(hot)
    [goal] = [goal for goal in GOALS if goal.bench == "cpu"]
    assert len(hot) == len(HOT)
    assert all(1 < ratio <= goal.needed for ratio in hot.values()), hot


def test_without_an_index_the_bench_says_what_to_do(scratch):
    (scratch / "home").mkdir(exist_ok=True)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}

    refused = bench(scratch / "home", scratch, "jobs", "--quick", **nowhere)

    assert refused.returncode == 1
    assert "PyPI did not answer. Connect this machine to the network" in refused.stderr
    assert not (scratch / "home" / "bench-peers").exists()


def test_an_unknown_commit_is_refused(home, scratch):
    refused = bench(home, scratch, "http", "--quick", "--against", "nowhere")

    assert refused.returncode == 1
    assert "nowhere cannot be checked out" in refused.stderr
