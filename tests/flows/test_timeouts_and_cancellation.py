"""Timeouts and cancellation over HTTP: the cases of group E of the system that Omoi replaces, by their names.

There a task that timed out or was cancelled had failed, with a prefix in its message. Ours are states and
events of their own, and a task that timed out is tried again while it has attempts.
"""

from __future__ import annotations

import subprocess
import uuid

import pytest

from omoi_site.database import sql
from tests.factories import shell_tasks
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tickets.models import Task
from tickets.runtime.clock import Clock
from tickets.runtime.sweeps import SWEEPS

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(opened, claim, calls):
    """Tasks that ada runs, each begun so many seconds ago with this limit. Returns their claims by title."""

    def running(**begun):
        opened(*[{"title": title, "timeout_s": limit} for title, (_, limit) in begun.items()])
        claims = {each["task"]["title"]: each for each in claim(len(begun))}
        for title, (ago, _) in begun.items():
            sql.rows(
                """
                UPDATE tickets_task
                SET
                  claimed_at = claimed_at - %(ago)s * interval '1 s',
                  started_at = started_at - %(ago)s * interval '1 s',
                  timeout_at = timeout_at - %(ago)s * interval '1 s'
                WHERE id = %(task)s
                """,
                {"ago": ago, "task": claims[title]["task"]["id"]},
            )
        return claims

    return running


@pytest.fixture
def now(calls):
    """The task of a claim, as it is now."""
    return lambda claimed: calls.get(f"/tasks/{claimed['task']['id']}").json()


@pytest.fixture
def cancel(calls):
    def cancel(task, **how):
        return calls.post(f"/tasks/{task}/cancellation", {"reason": "not needed", **how})

    return cancel


def heard(agent, *claims):
    named = [{"task": each["task"]["id"], "fence": each["fence"]} for each in claims]
    return agent.post("/agents/me/heartbeat", {"claims": named}).json()["commands"]


def test_e1_what_runs_past_its_limit_has_timed_out(running, complete, now):
    claims = running(late=(35, 30), early=(10, 30), done=(10, 30))
    complete(claims["done"])
    sql.rows("UPDATE tickets_task SET started_at = started_at - interval '1 h' WHERE state = 'completed'")

    assert Task.objects.time_out() == 1

    assert now(claims["late"])["error"] == "timed out after 30 s"
    assert now(claims["early"])["state"] == "claimed"
    assert now(claims["done"])["state"] == "completed"


def test_e2_a_running_task_is_cancelled_an_unknown_or_completed_one_is_not(running, complete, now, cancel):
    """There a cancelled task had failed with `Task cancelled: …`. Ours is `cancelled`, with the reason as its
    error. An unknown task is 404 and a completed one 409, where both were false.
    """
    claims = running(one=(1, 30), done=(1, 30))
    complete(claims["done"])

    answer = cancel(claims["one"]["task"]["id"])

    assert answer.status_code == 200
    task = now(claims["one"])
    assert (task["state"], task["error"], task["holder"]) == ("cancelled", "not needed", None)
    assert cancel(999_999).status_code == 404
    refused = cancel(claims["done"]["task"]["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "not_ready")
    assert now(claims["done"])["state"] == "completed"


def test_e3_of_two_running_tasks_only_the_overdue_one_times_out(running, now):
    """There it was listed first. Ours is ended by the sweep that finds it."""
    claims = running(overdue=(61, 60), in_time=(59, 60))
    assert Task.objects.time_out() == 1
    assert now(claims["overdue"])["holder"] is None
    assert now(claims["in_time"])["holder"] == "ada"


@pytest.mark.parametrize(("attempts", "state"), [(3, "pending"), (1, "failed")])
def test_e4_a_task_that_timed_out_says_so(running, now, attempts, state):
    """There it had failed at once. Ours is tried again while it has attempts, and fails with the last."""
    claims = running(late=(35, 30))
    Task.objects.update(max_attempts=attempts)
    Task.objects.time_out()
    task = now(claims["late"])
    assert (task["state"], task["error"], task["attempts"]) == (state, "timed out after 30 s", 1)


def test_e5_what_is_claimed_or_runs_can_be_cancelled(opened, claim, calls, cancel):
    """There a pending task could not be cancelled. Ours can; what has ended cannot."""
    _, tasks = opened("pending", "held")
    [held] = claim(1)
    assert cancel(held["task"]["id"]).status_code == 200
    [pending] = [task["id"] for task in tasks.values() if task["id"] != held["task"]["id"]]
    assert cancel(pending).status_code == 200
    assert [cancel(task["id"]).status_code for task in tasks.values()] == [409, 409]


def test_e6_a_running_task_tells_for_how_long_it_has_run(running, now, complete):
    claims = running(one=(35, 60))
    assert 35 <= now(claims["one"])["elapsed_s"] < 60
    complete(claims["one"])
    assert 35 <= now(claims["one"])["elapsed_s"] < 60, "of an ended task, how long it took"


def test_e7_a_running_task_tells_how_much_time_it_has_left(running, opened, now, calls):
    """There it was a report of its own with `is_timed_out` and `can_cancel`; the state says both. An unknown
    task is 404.
    """
    claims = running(one=(35, 60), late=(70, 60))
    assert 0 < now(claims["one"])["remaining_s"] <= 25
    assert now(claims["late"])["remaining_s"] == 0
    _, tasks = opened("waits")
    waits = calls.get(f"/tasks/{tasks['waits']['id']}").json()
    assert (waits["elapsed_s"], waits["remaining_s"]) == (None, None)
    assert calls.get("/tasks/999999").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_e8_the_monitor_starts_and_stops(running, now):
    """There each worker had a thread for it, over the tasks of all. Ours is one sweep of the clock."""
    [sweep] = [sweep for sweep in SWEEPS if sweep.name == "time_out"]
    assert sweep.every_s == 5
    claims = running(late=(35, 30))
    clock = Clock([sweep], ready=lambda: None)

    clock.turn()
    clock.ended = True
    clock.run()

    assert now(claims["late"])["state"] == "pending"


@pytest.mark.django_db(transaction=True)
def test_e9_each_overdue_task_is_ended_with_one_event(running, calls):
    """There the event was TASK_TIMED_OUT."""
    claims = running(one=(35, 30), two=(70, 60), three=(1, 60))
    for _ in range(2):
        Task.objects.time_out()
    events = calls.get("/events", kind="task.timed_out").json()["results"]
    assert sorted(event["subject"] for event in events) == sorted(
        f"task:{claims[name]['task']['id']}" for name in ("one", "two")
    )
    assert {(event["actor"], event["data"]["holder"]) for event in events} == {("system:clock", "ada")}


def test_e10_who_is_about_to_begin_hears_whether_to_proceed(running, agent, cancel):
    """There the state was looked at after it had been set to running, so that a cancelled task was carried
    out. Ours is told by its heartbeat, and every write is refused.
    """
    claims = running(one=(0, 60), two=(0, 60))
    assert heard(agent, *claims.values()) == []
    cancel(claims["one"]["task"]["id"])

    [command] = heard(agent, *claims.values())

    assert (command["command"], command["task"]) == ("cancel", claims["one"]["task"]["id"])
    path, fence = f"/tasks/{claims['one']['task']['id']}", claims["one"]["fence"]
    for act in ({"progress": {"message": "x"}}, {"completion": {}}):
        [(name, body)] = act.items()
        refused = agent.post(f"{path}/{name}", {"fence": fence, **body})
        assert (refused.status_code, refused.json()["code"]) == (409, "claim_lost")


def alive(mark):
    return mark in subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True).stdout


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["timeout", "cancellation"])
@pytest.mark.full
def test_e11_the_work_itself_is_ended(ticket, operator, how, cancel):
    """There a hook was called if the executor had one, and nothing ended. Ours ends the job with all that it
    has started.
    """
    mark = f"omoi-{uuid.uuid4().hex}"
    [task] = shell_tasks(
        ticket,
        f"(while :; do sleep 0.2; : {mark}; done) & while :; do sleep 0.2; : {mark}; done",
        by=operator,
        max_attempts=1,
        timeout_s=3 if how == "timeout" else None,
    )
    with running_worker() as worker:
        until(lambda: alive(mark), why=worker.last_words)
        if how == "cancellation":
            assert cancel(task.pk).status_code == 200
        until(lambda: not alive(mark), why=worker.last_words)
        ended = {"timeout": "failed", "cancellation": "cancelled"}[how]
        until(lambda: Task.objects.get(pk=task.pk).state == ended, why=worker.last_words)


@pytest.mark.parametrize("kind", ["timed out", "cancelled"])
def test_e11_an_agent_hears_that_its_work_has_ended(running, agent, cancel, kind):
    """There an agent that ran elsewhere heard nothing."""
    claims = running(one=(35, 30))
    if kind == "timed out":
        Task.objects.time_out()
        why = "the task ran longer than it may"
    else:
        cancel(claims["one"]["task"]["id"])
        why = "the task was cancelled: not needed"
    [command] = heard(agent, claims["one"])
    assert (command["command"], command["reason"]) == ("cancel", why)


def test_e12_where_nothing_is_overdue_nothing_happens(running, now):
    claims = running(one=(1, 30), unlimited=(500, None))
    assert Task.objects.time_out() == 0
    assert [now(each)["state"] for each in claims.values()] == ["claimed", "claimed"]
