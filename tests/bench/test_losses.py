"""Messages get lost and every process is restarted in turn: nothing that can end is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bench.losing_line import LosingLine
from bench.losses import RECONCILE_S, REPAIRS, Graph, without_cause
from tests.bench.test_runs import environment
from tests.support.brokers import RabbitMQ, Redis
from tests.support.external import needs_library
from tests.support.up_process import short_home
from tickets.runtime.sweeps import SWEEPS

BROKERS = {"postgres": None, "redis": Redis, "rabbitmq": RabbitMQ}


@pytest.fixture
def scratch() -> Iterator[Path]:
    with short_home("omoi-bench-losses-") as home:
        yield home.parent


@pytest.fixture(params=BROKERS)
def broker(request, tmp_path) -> Iterator[list[str]]:
    """The option for a broker of the test's own; none for our database."""
    if not (kind := BROKERS[request.param]):
        yield []
        return
    needs_library(request.param)
    server = kind(tmp_path)
    server.start()
    yield ["--broker", server.url]
    server.kill()


def losses(scratch: Path, *words: str) -> tuple[float, dict[str, Any]]:
    """Seconds until all had ended after the disturbance, and the books."""
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "losses", "--json", *words],
        cwd=settings.ROOT,
        env=environment(scratch / "home", scratch),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    [seconds] = document["systems"]["omoi"]["all has ended that can"]["rounds"]
    print(seconds, books := document["checks"]["round 1"])
    return seconds, books


@pytest.mark.parametrize(
    "tasks", [pytest.param(500, marks=pytest.mark.full), pytest.param(2_000, marks=pytest.mark.campaign)]
)
@pytest.mark.timeout(900)
def test_all_tasks_that_can_end_do_within_two_periods_of_the_disturbance(scratch, broker, tasks):
    graph = Graph(tasks, seed=1)

    seconds, books = losses(scratch, "--turns", "1", "--tasks", str(tasks), *broker)

    assert (books["tasks"], books["restarts"]) == (len(graph.tasks), 5)
    assert books["lost"] > 0.15 * books["messages"] > 0
    assert books["left behind"] == 0
    assert seconds < 2 * RECONCILE_S
    assert books["completed twice"] == 0
    assert books["cannot end"] == graph.endings().count("pending") > 0
    assert books["of these without a cause"] == 0


@pytest.mark.full
@pytest.mark.timeout(900)
def test_without_the_polls_and_sweeps_that_repair_work_is_left_behind(scratch):
    """Every message is lost here, so that it does not depend on which."""
    _, books = losses(scratch, "--quick", "--lost", "100", "--without-repairs")

    assert books["left behind"] > 0


@pytest.mark.full
@pytest.mark.timeout(900)
def test_with_them_nothing_is_even_if_every_message_is_lost(scratch):
    _, books = losses(scratch, "--quick", "--lost", "100")

    assert (books["lost"], books["left behind"]) == (books["messages"], 0)


def test_a_period_is_the_longest_interval_of_a_sweep_that_repairs():
    assert max(sweep.every_s for sweep in SWEEPS if sweep.name in REPAIRS) == RECONCILE_S
    assert {sweep.name for sweep in SWEEPS} >= set(REPAIRS)


def test_an_explanation_that_was_refused_is_not_one_without_a_cause():
    assert without_cause([{}, {"causes": []}, {"causes": [{"code": "needs"}]}]) == 1


def test_of_the_graph_most_can_end_and_some_cannot():
    graph = Graph(2000, seed=1)
    assert len(graph.tasks) == 2016
    ends = graph.endings()
    assert {state: ends.count(state) for state in set(ends)} == {
        "completed": 1944,
        "failed": 24,
        "pending": 48,
    }
    assert all(parent < child for parent, child, _ in graph.edges)


def test_a_line_loses_messages_and_nothing_else(tmp_path):
    """To Redis, of which each message is one command."""
    needs_library("redis")
    import redis

    server = Redis(tmp_path)
    server.start()
    line = LosingLine(server.url, share=0.5, seed=1)
    try:
        client = redis.Redis.from_url(line.url)
        enqueue = "return redis.call('rpush', ARGV[3], ARGV[4])"
        for n in range(200):
            client.eval(enqueue, 0, "enqueue", "0", "default", n)
        assert client.set("other", "default") is True
        arrived = redis.Redis.from_url(server.url).llen("nowhere")
        assert arrived == line.lost
        assert 60 < line.lost < 140
        assert line.sent == 200
    finally:
        server.kill()
