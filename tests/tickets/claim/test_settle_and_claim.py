"""Settling and claiming in one act: nothing is granted twice, and a lost answer loses nothing."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from agents.models import Agent, Event
from omoi_site.database import sql
from tests.factories import lapse
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile
from tests.support.costs import round_trips
from tickets.models import Edge, Need, Outcome, SweepRun, Task, TaskSpec
from tickets.models.claim import settle_and_claim
from tickets.models.ticket.fields import Priority

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def three(ticket, operator):
    """Ready tasks, in the order in which they are granted."""
    return Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two"), TaskSpec("three")], by=operator)


def relay(claim, *, by, **wanted):
    [settled], claims = Task.objects.settle_and_claim(
        [Outcome(claim.task, claim.fence, "completed")], by=by, **wanted
    )
    return settled, claims


def held(agent):
    return list(Task.objects.filter(holder=agent).values_list("title", flat=True))


def test_an_agent_completes_and_has_the_next_task(three, ada):
    Agent.objects.filter(pk=ada.pk).update(capacity=1)  # the room is that of the task just completed
    [claim] = Task.objects.claim(by=ada)

    settled, [after] = relay(claim, by=ada)

    assert (settled.state, after.title, after.fence, after.brief["ticket"]["key"]) == (
        "completed",
        "two",
        1,
        "OMO-1",
    )
    assert held(ada) == ["two"]


def test_it_has_the_task_that_waited_for_it(ticket, ada, operator):
    one, two = Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two")], by=operator)
    Need.objects.add(one.project_id, [Edge(one.pk, two.pk)], by=operator)
    [claim] = Task.objects.claim(by=ada)

    _, [after] = relay(claim, by=ada)

    assert after.title == "two"


def test_it_has_what_is_most_urgent_also_among_what_waited_for_it(ticket, ada, operator):
    one, urgent, _ = Task.objects.add(
        ticket,
        [TaskSpec("one"), TaskSpec("urgent", priority=Priority.CRITICAL), TaskSpec("other")],
        by=operator,
    )
    Need.objects.add(one.project_id, [Edge(one.pk, urgent.pk)], by=operator)
    [claim] = Task.objects.claim(by=ada)

    _, granted = relay(claim, by=ada, limit=5)

    assert [after.title for after in granted] == ["urgent", "other"]
    assert granted[0].brief["inputs"][0]["state"] == "completed"


def test_what_another_act_of_the_same_task_granted_is_not_told(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"part {n}") for n in range(4)], by=operator)
    [claim] = Task.objects.claim(by=ada)
    Task.objects.settle_and_claim([Outcome(claim.task, claim.fence, "failed", error="broken")], by=ada)
    sql.rows(
        "UPDATE tickets_task SET not_before = clock_timestamp(), not_due = false, rank = 0 WHERE id = %s",
        [claim.task],
    )
    [again] = Task.objects.claim(by=ada)
    assert (again.task, again.fence) == (claim.task, 2)
    _, granted = relay(again, by=ada)

    assert relay(again, by=ada)[1] == granted


def test_what_it_cannot_have_does_not_hold_up_its_completion(three, ada):
    [claim] = Task.objects.claim(by=ada)
    Agent.objects.filter(pk=ada.pk).update(state="draining")

    settled, granted = relay(claim, by=ada)

    assert (settled.state, granted, held(ada)) == ("completed", [], [])


def test_who_lost_the_claim_is_granted_nothing(three, ada, bob):
    [old] = Task.objects.claim(by=ada)
    lapse(old)
    assert old.task in [claim.task for claim in Task.objects.claim(by=bob, limit=3)]

    settled, granted = relay(old, by=ada)

    assert settled.lost
    assert (granted, held(ada)) == ([], [])


def test_the_same_act_again_has_the_same_answer(three, ada):
    [claim] = Task.objects.claim(by=ada)
    first, [after] = relay(claim, by=ada)

    again, granted = relay(claim, by=ada)

    assert (again.state, granted) == (first.state, [after])
    assert held(ada) == ["two"]
    assert Event.objects.filter(kind="task.completed").count() == 1


def test_the_same_act_again_takes_another_task_once_the_first_is_done(three, ada):
    """Who asks again has not heard of what it was granted, and asks for work."""
    [claim] = Task.objects.claim(by=ada)
    _, [second] = relay(claim, by=ada)
    Task.objects.settle([Outcome(second.task, second.fence, "completed")], by=ada)

    _, [third] = relay(claim, by=ada)

    assert third.title == "three"


def test_the_same_act_again_after_an_absence_of_sweeps_is_answered_with_what_it_was_granted(three, ada):
    """Those claims still hold: the first sweep would extend them."""
    [claim] = Task.objects.claim(by=ada)
    _, granted = relay(claim, by=ada)
    SweepRun.ran("lapse")
    sql.rows("UPDATE tickets_sweeprun SET at = at - interval '80 s'")
    sql.rows(
        """
        UPDATE tickets_task
        SET lease_expires_at = lease_expires_at - interval '80 s'
        WHERE state = 'claimed'
        """
    )

    again = relay(claim, by=ada)[1]

    assert [after.task for after in again] == [after.task for after in granted]
    assert held(ada) == ["two"]


def test_the_same_act_at_the_same_time_grants_once(three, ada):
    [claim] = Task.objects.claim(by=ada)
    with meanwhile(lambda: relay(claim, by=ada)) as other:
        _, first = relay(claim, by=ada)
    assert other.answer()[1] == first
    assert held(ada) == ["two"]


def test_it_meets_an_agent_that_is_retired_meanwhile(three, ada, operator):
    """Both lock the agent before its tasks: neither waits for the other in a cycle."""
    [claim] = Task.objects.claim(by=ada)
    with meanwhile(lambda: relay(claim, by=ada)) as other:
        Agent.objects.get(pk=ada.pk).retire(by=operator)
    settled, granted = other.answer()
    assert settled.lost
    assert granted == []


def test_many_are_settled_and_many_taken(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"part {n}") for n in range(9)], by=operator)
    claims = Task.objects.claim(by=ada, limit=4)
    outcomes = [Outcome(claim.task, claim.fence, "completed") for claim in claims]

    settled, granted = Task.objects.settle_and_claim(
        [*outcomes[:2], Outcome(claims[2].task, 7, "completed")], by=ada, limit=9
    )

    assert [one.state or one.lost.code for one in settled] == ["completed", "completed", "claim_lost"]
    assert [claim.title for claim in granted] == ["part 4", "part 5", "part 6"]  # up to its capacity of 5
    assert len(held(ada)) == 5


def test_over_rest_settlements_name_what_comes_next(three, ada):
    calls = api_of(ada)
    [claim] = calls.post("/claims", {}).json()["claims"]
    items = [{"task": claim["task"]["id"], "fence": 1, "outcome": "completed"}]

    refused = calls.post("/settlements", {"items": items, "next": {"limit": 1, "wait_s": 5}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "next.wait_s")
    assert held(ada) == ["one"]

    done = calls.post("/settlements", {"items": items, "next": {}}).json()
    assert [after["task"]["title"] for after in done["claims"]] == ["two"]
    assert calls.post("/settlements", {"items": items, "next": {}}).json() == done
    assert "claims" not in calls.post("/settlements", {"items": items}).json()


@pytest.mark.parametrize("narrower", [{"phases": ["DONE"]}, {"project": "NONE"}, {"project": "OTH"}])
def test_over_rest_what_comes_next_can_be_narrowed(three, ada, narrower):
    calls = api_of(ada)
    [claim] = calls.post("/claims", {}).json()["claims"]

    done = calls.post(
        "/settlements",
        {"items": [{"task": claim["task"]["id"], "fence": 1, "outcome": "completed"}], "next": narrower},
    )

    assert (done.status_code, done.json()["results"][0]["ok"], done.json()["claims"]) == (200, True, [])


@pytest.mark.parametrize("needed", [False, True])
def test_it_waits_for_the_database_twice_and_once_more_if_a_task_is_needed(ticket, ada, operator, needed):
    """BEGIN goes with the first statements, and COMMIT with the claim."""
    tasks = Task.objects.add(ticket, [TaskSpec(f"part {n}") for n in range(5)], by=operator)
    if needed:
        edges = [Edge(tasks[n].pk, tasks[n + 1].pk) for n in range(4)]
        Need.objects.add(ticket.project_id, edges, by=operator)
    [claim] = Task.objects.claim(by=ada)
    for _ in range(2):  # each is prepared at its first run
        _, [claim] = relay(claim, by=ada)

    (settled, [after]), trips = round_trips(lambda: relay(claim, by=ada))
    last = [Outcome(after.task, 1, "completed")]
    _, alone = round_trips(lambda: Task.objects.settle(last, by=ada))

    assert (settled.state, after.title, held(ada)) == ("completed", "part 3", [])
    assert (trips, alone) == ((3, 3) if needed else (2, 2))


def test_what_fails_with_the_claim_leaves_the_settlement_undone(three, ada, monkeypatch):
    [claim] = Task.objects.claim(by=ada)
    wrong = "SELECT 1 / (%(agent)s::int - %(agent)s::int) AS n"
    with monkeypatch.context() as patched:
        patched.setattr(settle_and_claim, "CLAIM_NEXT", wrong)
        with pytest.raises(DatabaseError, match="zero"):
            relay(claim, by=ada)

    assert held(ada) == ["one"]
    settled, [after] = relay(claim, by=ada)
    assert (settled.repeated, after.title) == (False, "two")
