"""An agent that fails three tasks in a row is put out of service."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from agents.models import Agent, Event
from tests.factories import complete, fail, lapse
from tests.support.api_client import api_of
from tests.tickets.attention.conftest import do, listed, only
from tickets.models import Outcome, Task, TaskSpec
from tickets.models.task.open_needs import decide

pytestmark = pytest.mark.django_db


@pytest.fixture
def claims(ticket, ada, operator):
    """Claims of ada, one after the other."""
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(9)], by=operator)

    def all_of_them():
        while granted := Task.objects.claim(by=ada):
            yield granted[0]

    return all_of_them()


def state(agent):
    return Agent.objects.get(pk=agent.pk).state


@pytest.mark.parametrize("kinds", [["permanent"] * 3, ["validation"] * 3, ["permanent", "validation"] * 2])
def test_the_third_one_in_a_row_puts_it_out_of_service(claims, ada, operator, kinds):
    failed = [next(claims) for _ in range(3)]
    for claim, kind in zip(failed[:2], kinds, strict=False):
        fail(claim, by=ada, kind=kind)
    assert state(ada) == "available"

    fail(failed[2], by=ada, kind=kinds[2], error="no such module")

    agent = Agent.objects.get(pk=ada.pk)
    named = ", ".join(claim.key for claim in failed)
    reason = f"3 tasks in a row failed: {named}. The last error: no such module"
    assert (agent.state, agent.state_by, agent.state_reason) == ("maintenance", "system:failures", reason)
    event = Event.objects.get(topic="agent:ada", kind="agent.made_unavailable")
    assert (event.actor, event.reason) == ("system:failures", reason)


def test_it_is_listed_with_the_reason_and_its_act_makes_it_available(claims, ada, operator):
    for _ in range(3):
        fail(next(claims), by=ada, kind="permanent", error="broken")

    [item] = [
        each
        for each in api_of(operator).get("/attention").json()["results"]
        if each["kind"] == "agent_failing"
    ]
    assert (item["subject"], item["ticket"], item["who"], item["project"]) == ("ada", "", "admin", "OMO")
    assert item["what"].startswith("ada gets no more work: 3 tasks in a row failed: OMO-1.")
    assert do(item["act"], by=operator).json()["state"] == "available"
    assert "agent_failing" not in {kind for kind, _ in listed(operator)}


def test_it_begins_anew_when_a_person_has_made_it_available(claims, ada, operator):
    for _ in range(3):
        fail(next(claims), by=ada, kind="permanent")
    Agent.objects.act(ada.pk, "make_available", by=operator, reason="its tools are back")

    for _ in range(2):
        fail(next(claims), by=ada, kind="permanent")
    assert state(ada) == "available"
    fail(next(claims), by=ada, kind="permanent")
    assert state(ada) == "maintenance"


def test_an_agent_cannot_make_it_begin_anew(claims, ada):
    for _ in range(2):
        fail(next(claims), by=ada, kind="permanent")
    Agent.objects.act(ada.pk, "make_available", by=ada)
    fail(next(claims), by=ada, kind="permanent")
    assert state(ada) == "maintenance"
    refused = api_of(ada).post("/agents/ada/availability", {"available": True})
    assert refused.status_code == 403


def test_a_completed_task_begins_anew(claims, ada):
    for _ in range(2):
        fail(next(claims), by=ada, kind="permanent")
    complete(next(claims), by=ada)
    for _ in range(2):
        fail(next(claims), by=ada, kind="permanent")
    assert state(ada) == "available"


def test_what_says_little_about_the_agent_changes_nothing(claims, ada):
    for _ in range(2):
        fail(next(claims), by=ada, kind="permanent")
    for _ in range(4):
        fail(next(claims), by=ada, kind="transient")
        Task.objects.update(not_due=False, not_before=None)
    lapse(next(claims))
    claim = next(claims)
    Task.objects.release(claim.task, claim.fence, by=ada)
    assert state(ada) == "available", "four transient ones in a row"

    fail(next(claims), by=ada, kind="permanent")
    assert state(ada) == "maintenance"


def test_one_task_that_fails_validation_again_and_again_counts_once(task, ada, operator):
    for _ in range(3):
        [claim] = [each for each in Task.objects.claim(by=ada, limit=5) if each.task == task.pk]
        fail(claim, by=ada, kind="validation", error="not right")
        for fix in Task.objects.claim(by=ada, limit=5):
            Task.objects.filter(pk=fix.task).update(state="completed", holder=None, lease_expires_at=None)
            sql_done(fix.task)
    assert state(ada) == "available"


def sql_done(task):
    """Its fix is done, by another."""
    decide([task])


def test_a_validator_finds_faults_as_its_work(claims, ada):
    Agent.objects.filter(pk=ada.pk).update(kind="validator")
    ada.refresh_from_db()
    for _ in range(4):
        fail(next(claims), by=ada, kind="validation")
    assert state(ada) == "available"


def test_a_worker_is_not_put_out_of_service(ticket, operator):
    worker = Agent.objects.worker("w1", capacity=5)
    Task.objects.add(
        ticket, [TaskSpec(f"t{n}", profile="echo", slots={"text": "x"}) for n in range(3)], by=operator
    )
    for claim in Task.objects.claim(by=worker, limit=3, starting=True):
        fail(claim, by=worker, kind="permanent")
    assert state(worker) == "available"


def test_three_in_one_act_put_it_out_of_service_and_nothing_more_is_granted(claims, ada):
    failed = [next(claims) for _ in range(3)]
    items = [
        {"task": str(each.task), "fence": each.fence, "outcome": "failed", "error": "x", "kind": "permanent"}
        for each in failed
    ]
    answer = api_of(ada).post("/settlements", {"items": items, "next": {"limit": 2}}).json()
    assert [each["ok"] for each in answer["results"]] == [True] * 3
    assert not answer.get("claims")
    assert state(ada) == "maintenance"


def test_one_that_drains_goes_on_draining(claims, ada, operator):
    failed = [next(claims) for _ in range(3)]
    Agent.objects.act(ada.pk, "drain", by=operator)
    for claim in failed:
        fail(claim, by=ada, kind="permanent")
    assert state(ada) == "draining"


@pytest.mark.django_db(transaction=True)
def test_three_that_fail_at_the_same_moment_are_counted(ticket, ada, operator):
    """Each waits for the agent's row before it writes, so the last of them sees the others."""
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(3)], by=operator)
    failed = Task.objects.claim(by=ada, limit=3)
    errors = []

    def settle(claim):
        try:
            Task.objects.settle([Outcome(claim.task, claim.fence, "failed", kind="permanent")], by=ada)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=settle, args=[claim]) for claim in failed]
    with transaction.atomic():
        list(Agent.objects.select_for_update(no_key=True).filter(pk=ada.pk))  # they all wait here
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(20)

    assert not errors
    assert state(ada) == "maintenance"


def test_only_counts_by_the_list(claims, ada, operator):
    fail(next(claims), by=ada, kind="permanent")
    assert only(operator)["kind"] == "task_failed"
