"""Retries over HTTP: which failures another attempt follows, and when. Named after the cases of OmoiOS."""

from __future__ import annotations

from datetime import datetime

import pytest

from omoi_site.database import sql
from tests.flows.conftest import titles
from tickets.models import Task

pytestmark = pytest.mark.django_db

PERMANENT = [
    "Permission denied: cannot write",
    "Access denied to the resource",
    "Authentication failed for user",
    "Authorization failed",
    "Syntax error in line 10",
    "Invalid argument: depth",
    "File not found",
    "Table does not exist",
    "The branch already exists",
    "Duplicate key value in the index",
    "Quota exceeded for user",
    "Rate limit exceeded",
]
TRANSIENT = [
    "Connection refused",
    "Timeout while reading",
    "Network is unreachable",
    "Temporary failure in name resolution",
    "Service unavailable",
    "This is a retryable error",
    "Intermittent failure",
]


@pytest.fixture
def failed(opened, claim, agent):
    """A new task that `ada` claims and fails, as it is then; `more` is of the task."""

    def failed(error="it broke", *, kind=None, **more):
        opened({"title": "Write it", **more})
        [held] = claim()
        return fail(agent, held, error, kind)

    return failed


def fail(agent, held, error="it broke", kind=None):
    body = {"fence": held["fence"], "error": error} | ({"kind": kind} if kind else {})
    answer = agent.post(f"/tasks/{held['task']['id']}/failure", body)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def make_due(task):
    """Its next attempt is due now."""
    Task.objects.filter(pk=task["id"]).update(not_before="2020-01-01T00:00Z")


def pause_s(task):
    """For how many seconds the next attempt of a task that has just failed waits."""
    [(now,)] = sql.tuples("SELECT at FROM agents_event WHERE kind = 'task.retried' ORDER BY id DESC LIMIT 1")
    return (datetime.fromisoformat(task["not_before"]) - now).total_seconds()


def test_d1_the_back_off_doubles_within_a_quarter_and_never_exceeds_its_maximum(opened, claim, agent):
    """As there, for n = 0 to 4 and a base of 1 s. There the maximum is a parameter and nothing waits for the
    result; here it is 60 s, and the task is not granted before.
    """
    opened({"title": "Write it", "max_attempts": 12})
    for n in range(10):
        [held] = claim()
        task = fail(agent, held)
        assert pause_s(task) >= min(0.75 * 2**n, 60) - 0.1
        assert pause_s(task) <= min(1.25 * 2**n, 60) + 0.1
        assert claim() == []
        make_due(task)


def test_d2_ten_draws_are_not_all_equal(opened, claim, agent):
    opened(*[f"task {n}" for n in range(10)])
    pauses = [pause_s(fail(agent, held)) for _ in range(10) for held in claim()]
    assert len(pauses) == 10
    assert len({round(pause, 2) for pause in pauses}) > 1


def test_d3_a_failure_is_tried_again_while_attempts_are_left(failed, claim, agent, complete, calls, opened):
    """As there. Here the failure itself decides it: there is no task that has failed and waits for somebody
    to ask. An unknown task is 404.
    """
    task = failed(max_attempts=3)
    assert (task["state"], task["attempts"], task["max_attempts"]) == ("pending", 1, 3)
    for _ in range(2):
        make_due(task)
        [held] = claim()
        task = fail(agent, held)
    assert (task["state"], task["attempts"]) == ("failed", 3)

    opened("Another")
    [held] = claim()
    done = complete(held)
    again = calls.post(f"/tasks/{done['id']}/retry", {"reason": "once more"})
    assert (again.status_code, again.json()["code"]) == (409, "not_ready")
    assert calls.post("/tasks/999999/retry", {"reason": "once more"}).status_code == 404


def test_d4_the_next_attempt_begins_without_holder(failed, claim, agent, calls):
    """There the message is cleared; here it stays until the next attempt ends, which is told of it. An
    attempt counts when it begins.
    """
    task = failed("disk full", max_attempts=2)
    assert (task["state"], task["attempts"], task["holder"]) == ("pending", 1, None)
    assert (task["error"], task["ended_at"]) == ("disk full", None)
    make_due(task)
    [held] = claim()
    assert (held["attempt"], held["brief"]["recovery"]["error"]) == (2, "disk full")
    task = fail(agent, held)
    assert (task["state"], task["attempts"]) == ("failed", 2)
    assert calls.post("/tasks/999999/failure", {"fence": 1, "error": "x"}).status_code in (403, 404)


def test_d5_what_is_to_be_tried_again_leaves_out_exhausted_tasks(failed, calls):
    """There it is a list of failed tasks with attempts left; here these are pending."""
    again = failed(max_attempts=2)
    over = failed(max_attempts=1)
    for more in ({}, {"phase": "DOING"}):
        listed = calls.get("/tasks", state="pending", **more).json()["results"]
        assert [task["id"] for task in listed] == [again["id"]]
        listed = calls.get("/tasks", state="failed", **more).json()["results"]
        assert [task["id"] for task in listed] == [over["id"]]


@pytest.mark.parametrize("error", PERMANENT)
def test_d6_permanent_messages_end_a_task(failed, error):
    """If the agent does not say of which kind the failure is."""
    assert failed(error)["state"] == "failed"


@pytest.mark.parametrize("error", TRANSIENT)
def test_d7_transient_messages_are_tried_again(failed, error):
    assert failed(error)["state"] == "pending"


@pytest.mark.parametrize("error", ["Something odd happened", "", " "])
def test_d8_unknown_and_empty_messages_are_tried_again(failed, error):
    assert failed(error)["state"] == "pending"


def test_d8_a_failure_without_a_message_is_refused(opened, claim, agent):
    """There it is tried again; here the failure needs a message, which may be empty."""
    opened("Write it")
    [held] = claim()
    answer = agent.post(f"/tasks/{held['task']['id']}/failure", {"fence": held["fence"]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "error")


@pytest.mark.parametrize("error", ["PERMISSION DENIED", "permission denied", "Permission Denied"])
def test_d9_case_does_not_matter(failed, error):
    assert failed(error)["state"] == "failed"


@pytest.mark.parametrize("error", ["x: permission denied", "permission denied: y", "x permission denied y"])
def test_d10_the_phrase_may_be_anywhere_in_the_message(failed, error):
    assert failed(error)["state"] == "failed"


def test_d11_a_whole_cycle(failed, claim, complete):
    task = failed("Connection reset", max_attempts=3)
    assert (task["state"], task["attempts"], task["ready"]) == ("pending", 1, False)
    make_due(task)
    [held] = claim()
    assert titles([held]) == ["Write it"]
    assert complete(held)["state"] == "completed"
    assert claim() == []


def test_d12_a_permanent_error_ends_a_task_that_has_attempts_left(failed):
    task = failed("Authentication failed", max_attempts=3)
    assert (task["state"], task["attempts"]) == ("failed", 1)


def test_d13_in_the_last_attempt_both_kinds_end_it(failed):
    assert failed("Connection reset", max_attempts=1)["state"] == "failed"
    assert failed("Authentication failed", max_attempts=1)["state"] == "failed"


def test_what_the_agent_says_counts_before_its_message(failed):
    assert failed("permission denied", kind="transient")["state"] == "pending"
    assert failed("Connection reset", kind="permanent")["state"] == "failed"


@pytest.mark.parametrize("more", [{"pool": "a"}, {"resets_at": "2099-01-01T00:00Z"}])
@pytest.mark.parametrize("kind", [{}, {"kind": "transient"}], ids=["no kind", "another kind"])
def test_what_only_a_rate_limited_failure_has_is_refused_of_others(opened, claim, agent, more, kind):
    """An agent that forgets the kind would else never hear that no pool was closed."""
    opened("one")
    [held] = claim()
    failure = {"fence": held["fence"], "error": "429", **kind, **more}
    item = {"task": held["task"]["id"], "outcome": "failed", **failure}

    for answer in (
        agent.post(f"/tasks/{held['task']['id']}/failure", failure),
        agent.post("/settlements", {"items": [item]}),
    ):
        assert answer.status_code == 422, answer.json()
        [error] = answer.json()["errors"]
        assert error["field"].endswith(*more)
        assert "only a failure of the kind rate_limited has it" in str(error)
    assert Task.objects.get().state == "claimed"


def test_settlements_are_read_in_the_same_way(opened, claim, agent):
    opened("one", "two", "three")
    errors = ["permission denied", "it broke", "permission denied"]
    items = [
        {"task": held["task"]["id"], "fence": held["fence"], "outcome": "failed", "error": error}
        for held, error in zip(claim(3), errors, strict=True)
    ]
    items[2]["kind"] = "transient"
    answer = agent.post("/settlements", {"items": items})
    assert [item["state"] for item in answer.json()["results"]] == ["failed", "pending", "pending"]
