"""`worker --processes N`: several workers under one process that is asked to stop for all."""

from __future__ import annotations

import os
import signal

import pytest
from django.core.management import call_command

from agents.models import AgentPresence
from omoi_site.errors import Invalid
from tests.factories import shell_tasks, states
from tests.support.wait import until
from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def group():
    made = WorkerProcess("w", 1, "--processes=2", OMOI_WORKER_GRACE_S="5")
    yield made
    if made.process.poll() is None:
        made.end()


def pids() -> dict[str, int]:
    return {one.agent.name: one.metrics["pid"] for one in AgentPresence.objects.select_related("agent")}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.full
def test_each_is_a_worker_of_its_own_and_a_killed_one_is_replaced(ticket, operator, group):
    before = pids()
    assert set(before) == {"w-1", "w-2"}
    os.kill(before["w-1"], signal.SIGKILL)
    until(lambda: pids()["w-1"] != before["w-1"], 60, group.last_words)
    assert pids()["w-2"] == before["w-2"]

    tasks = shell_tasks(ticket, *["exit 0"] * 4, by=operator)
    until(lambda: states(*tasks) == ["completed"] * 4, 60, group.last_words)


@pytest.mark.full
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.full)])
def test_one_signal_ends_all_and_none_outlives_the_first(group, how):
    processes = pids().values()
    group.process.send_signal(how)
    code = group.process.wait(30)
    assert code == (0 if how == signal.SIGTERM else -how)
    until(lambda: not any(map(alive, processes)), 30)


@pytest.mark.full
def test_one_that_cannot_start_ends_them_all_with_its_reason():
    with pytest.raises(AssertionError, match="capacity"):
        WorkerProcess("w", 0, "--processes=2")


def test_a_number_that_cannot_be_is_refused():
    with pytest.raises(Invalid, match="processes must be from 1 to 64"):
        call_command("worker", "--processes", "0")
