"""How a worker fetches ahead, settles in batches, and lets reusable processes work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.executors import spawn
from agents.executors.job import Ending
from omoi_site.database import sql
from tests.factories import install_profile, shell_tasks, states
from tests.support.wait import until
from tests.support.worker_process import WorkerProcess, running_worker
from tickets.models import Task, TaskSpec
from tickets.runtime.executor_threads import ExecutorThreads
from tickets.runtime.pace import LULL_S, MOST_PER_THREAD, Pace
from tickets.runtime.worker import Worker, look_for_tasks

IN_ONE_ACT = """
SELECT max(n) AS n
FROM (
  SELECT count(*) AS n
  FROM agents_event
  WHERE kind = %s
  GROUP BY xid
) act
"""
BOOKS = """
SELECT count(*) AS n
FROM agents_event
WHERE kind IN ('task.claimed', 'task.completed')
"""


@pytest.fixture
def quick():
    """A reusable profile whose jobs do next to nothing; `counted.who` tells which process ran it."""
    folder = Path(settings.OMOI_HOME) / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / "counted.py").write_text(
        "import os, time\ntoken = os.urandom(8).hex()\n"
        "def who(brief, wait=0):\n    time.sleep(wait)\n    return token\n"
    )
    return install_profile(
        "counted",
        kind="python",
        callable="counted.who",
        reusable=True,
        slots={"wait": {"default": 0}},
    )


def add(ticket, profile, count, **more):
    specs = [TaskSpec(f"task {n}", profile=profile, **more) for n in range(count)]
    return Task.objects.add(ticket, specs, by="system:test")


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_quick_tasks_are_fetched_ahead_and_each_is_done_once(ticket, quick):
    tasks = add(ticket, quick, 200)

    with running_worker(threads=2) as worker:
        until(lambda: not Task.objects.open().exists(), 60, worker.last_words)

    assert set(states(*tasks)) == {"completed"}
    assert sql.one(BOOKS) == {"n": 400}
    ahead = sql.one(IN_ONE_ACT, ["task.claimed"])["n"]
    assert 2 < ahead <= 2 + 2 * MOST_PER_THREAD
    assert sql.one(IN_ONE_ACT, ["task.completed"])["n"] > 2  # settled together as well
    processes = {task.result["value"] for task in Task.objects.all()}
    assert len(processes) <= 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_what_was_fetched_ahead_is_ready_again_when_a_long_task_comes_between(ticket, quick):
    """Nothing stays with a worker that has no thread for it."""
    add(ticket, quick, 60)
    add(ticket, quick, 2, slots={"wait": 300})
    late = add(ticket, quick, 60)

    with running_worker("w1", threads=2) as worker:
        until(
            lambda: (
                Task.objects.filter(state="claimed").count() == 2
                and Task.objects.filter(state="pending").exists()
            ),
            60,
            worker.last_words,
        )
        with running_worker("w2", threads=2) as other:
            until(lambda: set(states(*late)) == {"completed"}, 60, other.last_words)
        assert Task.objects.filter(state="claimed", attempts=1).count() == 2
        assert not Task.objects.filter(state="completed", attempts__gt=1).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["end", "kill"])
@pytest.mark.full
def test_what_was_fetched_and_not_begun_costs_no_attempt(ticket, operator, how):
    """Of tasks with a process each, whatever ended the worker."""
    tasks = shell_tasks(ticket, *["exit 0"] * 20, "sleep 300", "sleep 300", *["exit 0"] * 20, by=operator)
    worker = WorkerProcess("w1", threads=2, OMOI_WORKER_GRACE_S="0.1")
    until(lambda: Task.objects.filter(state="completed").count() >= 20, 60, worker.last_words)
    getattr(worker, how)()
    if how == "kill":
        with running_worker("w1", threads=1, OMOI_WORKER_POLL_S="600"):
            pass  # it gives back what the dead one held

    left = Task.objects.filter(pk__in=[task.pk for task in tasks]).exclude(state="completed")
    assert left.filter(state="claimed").count() <= 1  # of the second worker
    assert left.filter(attempts__gt=0).count() <= (0 if how == "end" else 3)


# -- how many


def test_nothing_is_fetched_ahead_before_a_job_has_ended_or_while_none_ends(monkeypatch):
    pace = Pace(threads=8)
    assert (pace.ahead, pace.lull) == (0, True)
    pace.note(0.001)
    assert (pace.ahead, pace.lull) == (8 * MOST_PER_THREAD, False)
    pace.ended_at -= 2 * LULL_S
    assert (pace.ahead, pace.lull) == (0, True)


def test_quick_jobs_wake_the_worker_together_and_others_one_by_one():
    """The first after a while wakes it too: it would not look otherwise."""
    woken: list[str] = []
    executors = ExecutorThreads("w1", 0, ended=lambda: woken.append("!"))
    job = SimpleNamespace(ending=None)

    def end(seconds: float) -> int:
        woken.clear()
        executors._end(job, Ending(True, {"seconds": seconds}))
        return len(woken)

    assert [end(0.001), end(0.001), end(0.001)] == [1, 0, 0]
    executors.pace.ended_at -= 2 * LULL_S
    assert [end(0.001), end(0.001)] == [1, 0]
    assert [end(60.0), end(60.0)] == [0, 1]


@pytest.mark.parametrize(("seconds", "ahead"), [(0.0, 128), (0.01, 80), (0.1, 8), (1.0, 1), (60.0, 0)])
def test_as_much_as_the_threads_do_in_a_moment(seconds, ahead):
    pace = Pace(threads=8)
    for _ in range(100):
        pace.note(seconds)
    assert pace.ahead == ahead
    assert pace.quick == (seconds <= 0.01)


@pytest.mark.django_db(transaction=True)
def test_it_looks_for_tasks_only_when_there_may_be_some(
    ticket, settings, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(spawn, "adopt_strays", lambda: None)  # the tests' process would keep others' zombies
    settings.WORKER_POLL_S = settings.WORKER_BEAT_S = 600
    worker = Worker("w1", threads=1)
    worker.register()
    try:
        worker._settle_and_claim()  # finds nothing
        with django_assert_num_queries(0):
            worker._settle_and_claim()
        look_for_tasks()
        with CaptureQueriesContext(connection) as look:
            worker._settle_and_claim()
        assert len(look) == 1
        worker.look_due = 0.0
        with CaptureQueriesContext(connection) as look:
            worker._settle_and_claim()
        assert len(look) == 1
    finally:
        worker.executors.close()
