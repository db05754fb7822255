"""The death of a worker: tasks that had started count an attempt, others do not, and a task that kills
workers is found.
"""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Agent, Event
from omoi_site.database import sql
from tests.factories import complete, fail, shell_tasks, states
from tests.support.concurrency import meanwhile, race
from tests.support.wait import until
from tests.support.worker_process import WorkerProcess
from tickets.models import CapacityFull, ClaimLost, Lane, Task, TaskSpec
from tickets.models.task.lane import relane

pytestmark = pytest.mark.django_db


@pytest.fixture
def w1():
    return Agent.objects.worker("w1", capacity=4)


@pytest.fixture
def w2():
    return Agent.objects.worker("w2", capacity=4)


def echoes(ticket, count, **more):
    specs = [TaskSpec(f"task {n}", profile="echo", slots={"text": "x"}, **more) for n in range(count)]
    return Task.objects.add(ticket, specs, by="system:test")


def started(worker, *which, limit=4):
    """Claims of the worker, of which it has begun those at these places, or all."""
    claims = sorted(Task.objects.claim(by=worker, limit=limit), key=lambda claim: claim.task)
    for claim in [claims[at] for at in which] or claims:
        Task.objects.start(claim.task, claim.fence, by=worker)
    return claims


def lapses(worker):
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE holder_id = %s",
        [worker.pk],
    )
    Task.objects.lapse()


def restarts(worker):
    Task.objects.abandon(by=worker, fate="was ended by SIGKILL")


NOTICED = {"by the sweep": lapses, "by its restart": restarts}


@pytest.fixture(params=NOTICED)
def dies(request):
    return NOTICED[request.param]


def test_what_had_started_counts_an_attempt_and_what_only_waited_is_given_back_free(ticket, w1, dies):
    ran, *waited = echoes(ticket, 3, max_attempts=5)
    started(w1, 0)

    dies(w1)

    assert list(
        Task.objects.order_by("pk").values_list("state", "attempts", "worker_deaths", "retries", "error")
    ) == [
        ("pending", 1, 1, 1, Task.objects.get(pk=ran.pk).error),
        ("pending", 0, 0, 0, ""),
        ("pending", 0, 0, 0, ""),
    ]
    assert "the worker w1 was lost while it ran this: it" in Task.objects.get(pk=ran.pk).error
    told = {event.subject: event.data["started"] for event in Event.objects.filter(kind="task.lapsed")}
    assert told == {f"task:{ran.pk}": True, **{f"task:{task.pk}": False for task in waited}}


def test_a_task_that_only_waited_is_not_failed_by_its_last_attempt(ticket, w1, dies):
    [task] = echoes(ticket, 1, max_attempts=1)
    for _ in range(5):
        [_claim] = Task.objects.claim(by=w1)
        dies(w1)
    assert states(task) == ["pending"]


def test_after_two_deaths_a_task_runs_with_nothing_beside_it(ticket, w1, w2, dies):
    [poison] = echoes(ticket, 1)
    for _ in range(2):
        started(w1)
        dies(w1)
    Task.objects.filter(pk=poison.pk).update(rank=0)  # each death put it back
    echoes(ticket, 9)

    [alone] = Task.objects.claim(by=w1, limit=4)  # it comes first, and nothing comes along

    assert alone.task == poison.pk
    with pytest.raises(CapacityFull), transaction.atomic():
        Task.objects.claim(by=w1, limit=4)
    assert len(Task.objects.claim(by=w2, limit=4)) == 4


def test_a_worker_at_work_takes_other_tasks_and_not_what_must_run_alone(ticket, w1, w2, dies):
    [poison, *_others] = echoes(ticket, 3)
    for _ in range(2):
        [claim] = [claim for claim in Task.objects.claim(by=w1, limit=1) if claim.task == poison.pk]
        Task.objects.start(claim.task, claim.fence, by=w1)
        dies(w1)
        Task.objects.filter(pk=poison.pk).update(rank=0)
    Task.objects.filter(pk=poison.pk).update(rank=2**60)

    assert len(Task.objects.claim(by=w1, limit=4)) == 2
    assert Task.objects.claim(by=w1) == []
    assert [claim.task for claim in Task.objects.claim(by=w2)] == [poison.pk]


def test_one_worker_and_no_other_becomes_free_for_what_must_run_alone(ticket, w1, w2):
    """Else it would wait for as long as there is other work."""
    Task.objects.claim(by=w1, limit=len(echoes(ticket, 1)))
    Task.objects.claim(by=w2, limit=len(echoes(ticket, 1)))
    [poison] = echoes(ticket, 1)
    Task.objects.filter(pk=poison.pk).update(worker_deaths=2, rank=0)
    relane([poison.pk])
    echoes(ticket, 4)

    assert Task.objects.claim(by=w1, limit=2) == []
    assert len(Task.objects.claim(by=w2, limit=2)) == 2
    w1.presence.__class__.objects.filter(agent=w1).update(last_seen_at="2020-01-01T00:00Z")
    assert Task.objects.claim(by=w2) == []  # it is the first of those who are heard


def test_a_third_death_fails_it_however_many_attempts_it_had(ticket, w1, dies):
    [poison] = echoes(ticket, 1, max_attempts=10)
    [child] = Task.objects.add(ticket, [TaskSpec("After it", needs=[need(poison)])], by="system:test")
    for _ in range(3):
        started(w1)
        dies(w1)

    poison.refresh_from_db()
    assert (poison.state, poison.failure, poison.attempts) == ("failed", "worker_lost", 3)
    assert poison.error.startswith("the worker w1 was lost while it ran this and nothing else: it")
    told = Task.objects.explanations([poison.pk])[poison.pk]
    assert (told["waiting_on"], [cause["code"] for cause in told["causes"]]) == ("operator", ["worker_lost"])
    assert poison.error in told["causes"][0]["what"]
    assert Task.objects.get(pk=child.pk).unsatisfiable


def need(task):
    from tickets.models.task.task_spec import NeedSpec

    return NeedSpec(task.pk)


def test_the_last_attempt_that_ends_with_the_worker_is_told_as_that(ticket, w1):
    [task] = echoes(ticket, 1, max_attempts=1)
    started(w1)
    restarts(w1)
    task.refresh_from_db()
    assert (task.state, task.failure) == ("failed", "worker_lost")
    assert task.error == "the worker w1 was lost while it ran this: it was ended by SIGKILL"


def test_the_mark_goes_when_it_completes_and_when_it_is_retried(ticket, w1, dies):
    done, failing = echoes(ticket, 2)
    for _ in range(2):
        started(w1)
        dies(w1)
    assert all(task.runs_alone for task in Task.objects.all())

    [claim] = started(w1)
    complete(claim, by=w1)
    [claim] = started(w1)
    fail(claim, by=w1, kind="permanent")

    assert Task.objects.get(pk=done.pk).worker_deaths == 0
    assert Task.objects.get(pk=failing.pk).runs_alone  # it may still be what ended them
    Task.objects.filter(pk=failing.pk).retry(by="system:test", reason="mended")
    failing.refresh_from_db()
    assert (failing.runs_alone, failing.lane.alone, failing.failure, failing.started_at) == (
        False,
        False,
        "",
        None,
    )
    echoes(ticket, 1)
    assert len(Task.objects.claim(by=w1, limit=4)) == 2


def test_what_is_given_back_or_times_out_is_no_death(ticket, w1):
    released, _ = echoes(ticket, 2, timeout_s=60)
    claims = {claim.task: claim for claim in started(w1)}
    Task.objects.release(released.pk, claims[released.pk].fence, by=w1)
    sql.rows(
        "UPDATE tickets_task SET timeout_at = clock_timestamp() - interval '1 s' WHERE timeout_at IS NOT NULL"
    )
    Task.objects.time_out()
    assert list(Task.objects.order_by("pk").values_list("attempts", "worker_deaths")) == [(0, 0), (1, 0)]


def test_for_an_agent_that_is_no_worker_the_claim_is_the_start(task, ada):
    for attempt in (1, 2, 3):
        [claim] = Task.objects.claim(by=ada)
        assert (claim.attempt, Task.objects.get(pk=task.pk).started_at is None) == (attempt, False)
        sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
        Task.objects.lapse()
    task.refresh_from_db()
    assert (task.state, task.failure, task.worker_deaths, task.error) == (
        "failed",
        "",
        0,
        "the lease of ada ended without a word",
    )


def test_a_claim_that_was_lost_is_not_started(ticket, w1):
    echoes(ticket, 1)
    [claim] = Task.objects.claim(by=w1)
    Task.objects.start(claim.task, claim.fence, by=w1)
    Task.objects.start(claim.task, claim.fence, by=w1)  # after a lost connection: the same
    lapses(w1)
    with pytest.raises(ClaimLost):
        Task.objects.start(claim.task, claim.fence, by=w1)


def test_changed_capabilities_leave_it_alone(ticket, w1, operator):
    [task] = echoes(ticket, 1)
    for _ in range(2):
        started(w1)
        lapses(w1)
    Task.objects.edit(task.pk, by=operator, capabilities=["gpu"])
    task.refresh_from_db()
    assert (task.lane.alone, task.lane.capabilities) == (True, ["gpu"])


def test_explain_says_that_it_waits_for_a_worker_that_holds_nothing(ticket, w1):
    [poison] = echoes(ticket, 1)
    for _ in range(2):
        started(w1)
        lapses(w1)
    Task.objects.filter(pk=poison.pk).update(rank=2**60)
    echoes(ticket, 1)
    Task.objects.claim(by=w1)
    [cause] = Task.objects.explanations([poison.pk])[poison.pk]["causes"]
    assert cause["code"] == "capacity"
    assert cause["what"] == (
        "it must run alone, because 2 workers were lost while running it; w1 could do it, but is at work"
    )


@pytest.mark.django_db(transaction=True)
def test_two_who_notice_a_death_count_it_once(ticket, w1):
    [task] = echoes(ticket, 1)
    started(w1)
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
    with meanwhile(lambda: Task.objects.abandon(by=w1)) as restart:
        Task.objects.lapse()
    assert restart.answer() == 0
    assert Task.objects.filter(pk=task.pk, attempts=1, worker_deaths=1).exists()


@pytest.mark.django_db(transaction=True)
def test_what_runs_alone_never_has_company_however_many_claim(ticket, w1):
    for task in echoes(ticket, 40):
        Task.objects.filter(pk=task.pk).update(worker_deaths=2 * (task.pk % 2))
    relane(list(Task.objects.values_list("pk", flat=True)))
    assert Lane.objects.filter(alone=True).count() == 1

    def claims(turn):
        claims = Task.objects.claim(by=w1, limit=2)
        [held] = sql.rows(
            "SELECT count(*) AS n, bool_or(worker_deaths >= 2) AS alone FROM tickets_task WHERE holder_id ="
            " %s",
            [w1.pk],
        )
        for claim in claims:
            complete(claim, by=w1)
        return held["n"] if held["alone"] else 1

    for turn in race(30, claims, claims, claims):
        assert {answer for answer in turn if not isinstance(answer, CapacityFull)} <= {1}


# -- with a worker's real process


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_task_that_kills_its_worker_is_found_out_and_no_other_is_failed(ticket, operator, shared):
    """One among two hundred.

    Jobs have another account where we are root: what the poison asks for, the test does to the worker.
    """
    healthy = shell_tasks(ticket, *["exit 0"] * 60, by=operator)
    [poison] = shell_tasks(ticket, "touch $OMOI_SHARED/kill; sleep 300", by=operator, max_attempts=9)
    healthy += shell_tasks(ticket, *["exit 0"] * 140, by=operator)
    deaths, beside, predecessor = 0, [], ""
    while Task.objects.open().exists():
        worker = WorkerProcess("w1", threads=4, OMOI_PREDECESSOR=predecessor)
        until(lambda: (shared / "kill").exists() or not Task.objects.open().exists(), 90, worker.last_words)
        if not (shared / "kill").exists():
            assert worker.end() == 0
            break
        beside.append(Task.objects.filter(state="claimed").exclude(pk=poison.pk).count())
        worker.kill()
        (shared / "kill").unlink()
        predecessor = f"{worker.process.pid} was ended by SIGKILL"
        deaths += 1

    poison.refresh_from_db()
    assert (deaths, beside[-1]) == (3, 0)
    assert (poison.state, poison.failure, poison.attempts) == ("failed", "worker_lost", 3)
    assert (
        poison.error == "the worker w1 was lost while it ran this and nothing else: it was ended by SIGKILL"
    )
    assert set(states(*healthy)) == {"completed"}
    ran = sql.rows(
        "SELECT attempts, started_at IS NOT NULL AS started FROM tickets_task WHERE id <> %s AND attempts >"
        " 1",
        [poison.pk],
    )
    assert (
        sum(row["attempts"] - 1 for row in ran) <= deaths * 3
    )  # at most those that ran in its other threads
