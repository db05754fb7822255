"""Events and the work behind them over HTTP: the cases of group M of the system that Omoi replaces, by their
names.

There an event was published by Redis, without an id, a time or an order, and who did not listen just then
never heard of it. Ours is a row of the journal, written in the transaction of the act. Who follows it reads
on from a cursor, and a live page is told when to look.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from agents.executors.job_folder import shared_folder
from agents.executors.removal import remove
from tests.factories import install_profile, shell_profile
from tests.flows.conftest import titles
from tests.support.wait import until
from tests.support.worker_process import running_worker

pytestmark = pytest.mark.django_db(transaction=True)

# It says which process it runs in, and how many jobs what it built has served.
BUILDER = """
import os
served = []
def work(brief, fails=0):
    served.append(fails)
    if fails:
        raise ValueError("the model does not answer")
    return {"process": os.getpid(), "served": len(served)}
"""
# Waits until three have begun, looks a while for more at the same time, and says how many it has seen.
AT_ONCE = """
[ -z "$(ls)" ] || exit 1
touch mine $OMOI_SHARED/begun-$OMOI_TASK $OMOI_SHARED/at-work-$OMOI_TASK
until [ $(ls $OMOI_SHARED | grep -c begun) -ge 3 ]; do sleep 0.05; done
most=0
for look in 1 2 3 4 5 6 7 8 9 10; do
  now=$(ls $OMOI_SHARED | grep -c at-work)
  [ $now -le $most ] || most=$now
  sleep 0.05
done
rm $OMOI_SHARED/at-work-$OMOI_TASK
echo $most
"""


@pytest.fixture
def shared():
    """An empty folder that jobs call `$OMOI_SHARED`."""
    folder = shared_folder("tests")
    folder.chmod(0o777)
    for left in folder.iterdir():
        remove(left)
    return folder


@pytest.fixture
def now(calls):
    """A task as it is now."""
    return lambda task: calls.get(f"/tasks/{task['id']}").json()


@pytest.fixture
def worked_off(calls, now):
    """Let a worker of so many threads work until these tasks have ended, and their ticket is in this phase;
    the tasks as they are then.
    """

    def worked_off(tasks, threads=1, phase=""):
        ended = lambda task: now(task)["state"] in ("completed", "failed")  # noqa: E731
        with running_worker(threads=threads) as worker:
            until(lambda: all(map(ended, tasks)), why=worker.last_words)
            [ticket] = {task["ticket"] for task in tasks}
            reached = lambda: calls.get(f"/tickets/{ticket}").json()["phase"]  # noqa: E731
            until(lambda: phase in ("", reached()), why=worker.last_words)
        return [now(task) for task in tasks]

    return worked_off


@pytest.fixture
def follow(calls):
    """Follow the journal from here on: each call gives the events since the call before."""
    place = [calls.get("/events", limit=200).json()["results"][-1]["cursor"]]

    def follow():
        events = calls.get("/events", after=place[0], limit=200).json()["results"]
        place[0] = events[-1]["cursor"] if events else place[0]
        return events

    return follow


def kinds(events, topic):
    return [event["kind"] for event in events if event["topic"] == topic]


def test_m1_an_act_is_published(opened, follow):
    """There publishing could be lost with the connection. Ours is there with the act, and with an act that is
    refused there is nothing.
    """
    ticket, _ = opened("t")
    assert kinds(follow(), f"ticket:{ticket['key']}") == ["ticket.opened", "task.added"]
    assert follow() == []


def test_m1_a_refused_act_publishes_nothing(opened, calls, follow):
    ticket, tasks = opened("t")
    follow()
    path = f"/tickets/{ticket['key']}/edges"
    assert calls.post(path, {"task": tasks["t"]["id"], "needs": tasks["t"]["id"]}).status_code == 409
    assert follow() == []


def test_m2_a_subscriber_gets_kind_subject_and_data(opened, claim, complete, follow, web, operator):
    """There the one message had it all, and was gone. Ours rings whoever has the page open; what happened is
    read from the journal, then or later, in the order of the commits and once each.
    """
    ticket, tasks = opened("t")
    topic = f"ticket:{ticket['key']}"
    follow()
    page = web.page(operator)
    page.follow(topic)

    complete(claim()[0], {"lines": 3})

    assert until(page.next) == topic
    page.close()
    told = [event for event in follow() if event["topic"] == topic]
    subject = f"task:{tasks['t']['id']}"
    of_task = [event for event in told if event["subject"] == subject]
    assert [event["kind"] for event in of_task] == ["task.claimed", "task.completed"]
    assert [event["actor"] for event in of_task] == ["agent:ada", "agent:ada"]
    assert of_task[1]["data"]["fence"] == 1
    assert of_task[0]["number"] < of_task[1]["number"]


def test_m3_nested_data_survives(project, calls, follow):
    """There a payload was whatever a caller put in. Ours is what the act is about."""
    calls.post("/agents", {"name": "eve", "projects": [project.key], "capabilities": ["python"]})
    follow()
    edit = {"capabilities": ["日本語", "c++"], "tags": ['"quoted" \\ <b>']}
    assert calls.patch("/agents/eve", edit).status_code == 200
    [event] = follow()
    assert event["data"]["before"] == {"capabilities": ["python"], "tags": []}
    assert event["data"]["after"] == {"capabilities": ["c++", "日本語"], "tags": ['"quoted" \\ <b>']}


@pytest.mark.full
def test_m4_what_an_executor_builds_serves_all_its_jobs(opened, worked_off):
    """There an executor built its model and agent once for its task. Ours are programs; a reusable process
    keeps what it has built from one job to the next.
    """
    builder = install_builder(reusable=True)
    _, tasks = opened(*[{"title": title, "profile": builder} for title in "abc"])

    done = [task["result"]["value"] for task in worked_off(tasks.values())]

    assert sorted(each["served"] for each in done) == [1, 2, 3]
    assert len({each["process"] for each in done}) == 1


@pytest.mark.full
def test_m4_success_returns_how_it_ended_what_it_said_and_how_long_it_took(opened, worked_off):
    """There it was status, event_count and cost. Ours is the exit status, the seconds and what it wrote."""
    opened_with_shell = {"profile": shell_profile(), "slots": {"text": "echo three"}}
    _, tasks = opened({"title": "t", **opened_with_shell})

    [task] = worked_off(tasks.values())

    result = task["result"]
    assert (task["state"], result["exit"], result["output"], result["dropped"]) == (
        "completed",
        0,
        "three\n",
        0,
    )
    assert isinstance(result["seconds"], float)


@pytest.mark.full
def test_m4_an_error_is_told_and_what_the_job_had_open_is_closed(opened, worked_off):
    """There the conversation was closed all the same. Ours is the process: none serves on after a failure."""
    builder = install_builder(reusable=True)
    fails, works = (
        {"title": title, "profile": builder, "slots": {"fails": int(title == "fails")}, "max_attempts": 1}
        for title in ("fails", "works")
    )
    _, tasks = opened({**fails, "priority": "high"}, works)

    failed, worked = worked_off([tasks["fails"], tasks["works"]])

    assert (failed["state"], worked["state"]) == ("failed", "completed")
    assert "the model does not answer" in failed["error"]
    assert worked["result"]["value"]["served"] == 1, "the process of the failure has served no other"


def test_m5_a_ticket_is_opened_and_its_task_assigned_told_run_and_completed(opened, follow, worked_off):
    """There an orchestrator assigned the task. Ours is claimed by the worker, and the ticket moves on by
    itself when its work is done.
    """
    said = {"profile": "echo", "slots": {"text": "hello"}}
    _, tasks = opened({"title": "t", **said})
    follow()

    [task] = worked_off(tasks.values(), phase="DONE")

    assert (task["state"], task["result"]["output"]) == ("completed", "hello\n")
    told = follow()
    assert [event["kind"] for event in told if event["subject"] == f"task:{task['id']}"] == [
        "task.claimed",
        "task.completed",
    ]
    moved = [event["data"]["to"] for event in told if event["kind"] == "ticket.moved"]
    assert moved == ["DOING", "DONE"]


@pytest.mark.full
def test_m5_a_task_that_fails_is_told_with_its_error(opened, follow, worked_off):
    """There it had failed at once. Ours has as many attempts as it was given: here one."""
    shell = {"profile": shell_profile(), "slots": {"text": "echo sorry; exit 3"}}
    _, tasks = opened({"title": "t", "max_attempts": 1, **shell})
    follow()

    [task] = worked_off(tasks.values())

    assert (task["state"], task["error"]) == ("failed", "exit status 3\nsorry")
    told = [event for event in follow() if event["subject"] == f"task:{task['id']}"]
    assert [event["kind"] for event in told] == ["task.claimed", "task.failed"]
    assert told[1]["reason"] == task["error"], told[1]


def test_m5_of_three_tasks_the_high_one_is_first(opened, claim, complete):
    opened(*[{"title": priority, "priority": priority} for priority in ("low", "high", "medium")])
    for priority in ("high", "medium", "low"):
        [held] = claim()
        assert titles([held]) == [priority]
        complete(held)


@pytest.mark.full
def test_m6_five_jobs_have_folders_of_their_own_and_three_run_at_once(opened, worked_off, shared):
    """There it was a thread pool of Python. Ours is a worker with three threads: a fourth job begins when one
    has ended.
    """
    shell = {"profile": shell_profile(), "slots": {"text": AT_ONCE}, "max_attempts": 1}
    _, tasks = opened(*[{"title": title, **shell} for title in "abcde"])

    done = worked_off(tasks.values(), threads=3)

    assert [task["state"] for task in done] == ["completed"] * 5, [task["error"] for task in done]
    assert max(int(task["result"]["output"]) for task in done) == 3


def install_builder(**more):
    name = install_profile(
        "builder",
        kind="python",
        callable="builder.work",
        slots={"fails": {"default": 0}},
        **more,
    )
    (Path(settings.OMOI_HOME) / "profiles" / "builder.py").write_text(BUILDER)
    return name
