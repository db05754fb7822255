"""An operator gives a task to another person or to an agent, by hand and with a reason."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import transaction

from agents.models import Agent, AgentSpec, AgentUnavailable, Event, Member, Project
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid, NotFound
from tests.factories import complete
from tests.support.api_client import api_of
from tickets.models import Freeze, Outcome, Task, TaskSpec, Ticket
from tickets.models.claim.assign import NotAssignable
from tickets.models.claim.claim import CapacityFull
from tickets.models.claim.fence import ClaimLost
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def assign(task, to, by, reason="better there"):
    return Task.objects.assign(task.pk, to=to, by=by, reason=reason)


def kinds(task):
    events = Event.objects.filter(subject=f"task:{task.pk}").order_by("xid", "id")
    return [event.kind for event in events][1:]  # it was added


def held(task):
    row = Task.objects.select_related("holder").get(pk=task.pk)
    return row.holder and row.holder.name


def test_an_operator_gives_it_to_another_person(task, eve, dan):
    assign(task, "user:dan", eve)
    assert held(task) == "user:dan"
    event = Event.objects.get(kind="task.assigned")
    assert (event.actor, event.reason) == ("user:eve", "better there")
    assert event.data == {"fence": 1, "attempt": 1, "holder": "user:dan"}


def test_from_a_person_to_a_person_the_fence_grows(task, eve, dan):
    assign(task, "me", eve)
    assign(task, "user:dan", eve)
    task.refresh_from_db()
    assert (held(task), task.fence, task.attempts) == ("user:dan", 2, 1)
    assert kinds(task) == ["task.taken", "task.revoked", "task.assigned"]


def test_what_others_take_from_a_person_is_in_their_history_with_who_did(
    task, ticket, eve, dan, operator, capsys
):
    [second, third] = Task.objects.add(ticket, [TaskSpec("Second"), TaskSpec("Third")], by=operator)
    for each in (task, second, third):
        assign(each, "me", eve)
    assign(task, "user:dan", operator, "eve is away")
    Task.objects.act(second.pk, "cancel", by=dan, reason="not needed")
    third.refresh_from_db()
    Task.objects.release(third.pk, third.fence, by=eve, reason="lunch")

    answer = api_of(operator).get("/agents/user:eve/history")

    assert answer.status_code == 200
    told = [(each["key"], each["outcome"], each["by"]) for each in answer.json()["results"]]
    assert told == [
        (third.key, "released", "user:eve"),
        (second.key, "cancelled", "user:dan"),
        (task.key, "revoked", "user:admin"),
    ]
    assert [each["why"] for each in answer.json()["results"]] == ["lunch", "not needed", "eve is away"]
    first = api_of(operator).get("/agents/user:eve/history", limit=1).json()
    rest = api_of(operator).get("/agents/user:eve/history", cursor=first["next"]).json()
    assert [each["key"] for each in first["results"] + rest["results"]] == [key for key, *_ in told]
    call_command("agents", "history", "user:eve")
    shown = capsys.readouterr().out
    assert f"{third.key} released after" in shown
    assert f"{second.key} cancelled by dan after" in shown
    assert api_of(operator).get("/agents/user:dan/history").json()["results"] == []


def test_from_an_agent_to_a_person_the_agent_loses_its_claim(task, eve, ada):
    [claim] = Task.objects.claim(by=ada)
    assign(task, "me", eve)
    with pytest.raises(ClaimLost), transaction.atomic():
        complete(claim, by=ada)
    _, [lost] = Task.objects.renew([(claim.task, claim.fence)], by=ada)
    assert (lost["code"], lost["holder"]) == ("claim_lost", "user:eve")


def test_to_an_agent_its_next_claim_delivers_it(task, ticket, eve, ada, operator):
    Task.objects.add(ticket, [TaskSpec("Another")], by=operator)
    assign(task, "me", eve)
    assign(task, "ada", eve, "she knows it")
    task.refresh_from_db()
    assert (held(task), task.fence, task.lease_s, task.started_at) == ("ada", 2, 900, None)
    [claim] = Task.objects.claim(by=ada, limit=5, lease_s=60)
    assert (claim.task, claim.fence, claim.attempt) == (task.pk, 2, 1)
    assert claim.brief["ticket"]["key"] == ticket.key
    [other] = Task.objects.claim(by=ada, limit=5)
    assert other.task != task.pk
    task.refresh_from_db()
    assert (task.lease_s, task.started_at is not None) == (60, True)
    assert complete(claim, by=ada).state == "completed"


def test_a_ready_task_is_given_to_an_agent_at_once(task, eve, ada):
    assign(task, "agent:ada", eve)
    assert kinds(task) == ["task.assigned"]
    [claim] = Task.objects.claim(by=ada)
    assert claim.task == task.pk


def test_what_settles_and_claims_gets_it_too(task, ticket, eve, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    [more] = Task.objects.add(ticket, [TaskSpec("Another")], by=operator)
    assign(more, "ada", eve)
    settled, claims = Task.objects.settle_and_claim(
        [Outcome(claim.task, claim.fence, "completed")], by=ada, limit=1
    )
    assert (settled[0].state, [each.task for each in claims]) == ("completed", [more.pk])


def test_what_settles_and_claims_gets_other_work_if_that_was_taken_back(task, ticket, eve, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    more, other = Task.objects.add(ticket, [TaskSpec("Another"), TaskSpec("Third")], by=operator)
    Agent.objects.filter(pk=ada.pk).update(capacity=2)
    assign(more, "ada", eve)
    assign(more, "me", eve)
    _, claims = Task.objects.settle_and_claim(
        [Outcome(claim.task, claim.fence, "completed")], by=ada, limit=1
    )
    assert [each.task for each in claims] == [other.pk]


def test_at_most_as_many_are_delivered_as_it_asks_for(ticket, eve, ada, operator):
    tasks = Task.objects.add(ticket, [TaskSpec(str(n)) for n in range(3)], by=operator)
    for task in tasks:
        assign(task, "ada", eve)
    first, second = (Task.objects.claim(by=ada, limit=2) for _ in range(2))
    assert [claim.task for claim in first + second] == [task.pk for task in tasks]
    assert Task.objects.claim(by=ada) == []


def test_what_was_taken_back_before_is_not_delivered(task, ticket, eve, ada, operator):
    [other] = Task.objects.add(ticket, [TaskSpec("Another")], by=operator)
    assign(task, "ada", eve)
    assign(task, "me", eve)
    [claim] = Task.objects.claim(by=ada)
    assert claim.task == other.pk


def test_an_agent_that_never_comes_loses_it_at_no_cost(task, eve, ada):
    assign(task, "ada", eve)
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
    Task.objects.lapse()
    task.refresh_from_db()
    assert (task.state, task.attempts) == ("pending", 0)


def test_a_claim_by_a_full_agent_still_delivers(task, eve, ada):
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    assign(task, "ada", eve)
    [claim] = Task.objects.claim(by=ada)
    assert claim.task == task.pk


def test_an_agent_never_gets_more_than_its_capacity(task, ticket, eve, ada, operator):
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    assert len(Task.objects.claim(by=ada)) == 1
    [other] = Task.objects.add(ticket, [TaskSpec("Another")], by=operator)
    with pytest.raises(CapacityFull):
        assign(other, "ada", eve)
    assert held(other) is None


def test_an_agent_that_is_not_available_gets_nothing(task, eve, ada, operator):
    Agent.objects.act(ada.pk, "drain", by=operator)
    with pytest.raises(AgentUnavailable, match="draining"):
        assign(task, "ada", eve)


def test_an_agent_that_cannot_do_it_gets_nothing(ticket, eve, ada, operator):
    [task] = Task.objects.add(ticket, [TaskSpec("Rust", capabilities=["rust"])], by=operator)
    with pytest.raises(NotAssignable, match="cannot do rust") as refused:
        assign(task, "ada", eve)
    assert refused.value.code == "capability"


def test_limits_of_the_project_hold_for_agents_and_leave_people_out(task, ticket, eve, ada, bob, operator):
    [other, third] = Task.objects.add(ticket, [TaskSpec("Another"), TaskSpec("Third")], by=operator)
    with Project.objects.locked(key="OMO") as project:
        project.edit(by=operator, max_agents=1)
    assign(task, "me", eve)
    assign(other, "ada", eve)
    with pytest.raises(NotAssignable) as refused:
        assign(third, "bob", eve)
    assert refused.value.code == "limit"
    assign(third, "user:eve", eve)


@pytest.mark.parametrize("to", ["me", "ada"])
def test_what_is_frozen_is_given_to_nobody(task, eve, ada, to):
    Freeze.objects.freeze(by="system:test", reason="Stop", wait_s=0)
    with pytest.raises(NotAssignable, match="frozen") as refused:
        assign(task, to, eve)
    assert refused.value.code == "freeze"


def test_a_refused_reassignment_leaves_the_holder_alone(task, eve, ada):
    [claim] = Task.objects.claim(by=ada)
    Freeze.objects.freeze(by="system:test", reason="Stop", wait_s=0)
    with pytest.raises(NotAssignable):
        assign(task, "me", eve)
    assert complete(claim, by=ada).state == "completed"


@pytest.mark.parametrize("to", ["me", "ada"])
def test_what_is_paused_is_given_to_nobody(task, ticket, project, eve, ada, operator, to):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.pause(by=operator, reason="wait")
    with pytest.raises(NotAssignable) as refused:
        assign(task, to, eve)
    assert refused.value.code == "pause"
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.resume(by=operator)
    Project.objects.act(project.pk, "pause", by=operator, reason="wait")
    with pytest.raises(NotAssignable, match="paused") as refused:
        assign(task, to, eve)
    assert refused.value.code == "pause"


def test_a_task_with_an_open_need_is_given_to_nobody(task, ticket, eve, ada, operator):
    [child] = Task.objects.add(ticket, [TaskSpec("After", needs=[NeedSpec(task.pk)])], by=operator)
    for to in ("me", "ada"):
        with pytest.raises(NotAssignable) as refused:
            assign(child, to, eve)
        assert refused.value.code == "need"


def test_only_an_operator_takes_it_from_somebody(task, ada, member, eve):
    assert len(Task.objects.claim(by=ada)) == 1
    worker = member("wes")
    worker.key_scopes = frozenset({"work"})
    with pytest.raises(Forbidden, match="tickets:write"):
        assign(task, "me", worker)
    with pytest.raises(Forbidden, match="tickets:write"):
        assign(task, "user:eve", worker)


def test_with_work_alone_a_person_takes_what_is_ready(task, member):
    worker = member("wes")
    worker.key_scopes = frozenset({"work"})
    assign(task, "me", worker)
    assert held(task) == "user:wes"


@pytest.mark.parametrize("to", ["user:nobody", "user:vic", "user:out", "user:gone"])
def test_it_is_given_only_to_people_who_may_work_there(task, eve, member, to):
    member("vic", "viewer"), member("out", "")
    gone = member("gone")
    gone.is_active = False
    gone.save()
    with pytest.raises(Invalid, match="who may work"):
        assign(task, to, eve)


@pytest.mark.parametrize("to", ["nobody", "stranger", "team:ada", "", "  "])
def test_it_is_given_only_to_agents_of_the_project(task, eve, operator, to):
    Agent.objects.register(AgentSpec("stranger"), by=operator)
    with pytest.raises(NotFound, match="no agent"):
        assign(task, to, eve)


def test_a_worker_is_given_nothing(task, eve):
    Agent.objects.worker("worker-1", capacity=4)
    with pytest.raises(Invalid, match="is a worker"):
        assign(task, "worker-1", eve)


def test_a_person_takes_a_task_with_a_profile(ticket, eve, operator):
    [task] = Task.objects.add(ticket, [TaskSpec("Echo", profile="echo", slots={"text": "hi"})], by=operator)
    assign(task, "me", eve)
    assert held(task) == "user:eve"


def test_nobody_changes_the_row_of_a_person(task, eve, operator):
    assign(task, "me", eve)
    row = Agent.objects.get(kind="person")
    for verb in ("drain", "retire", "quarantine", "make_unavailable"):
        with pytest.raises(Forbidden, match="is a person"):
            Agent.objects.act(row.pk, verb, by=operator)


def test_nobody_registers_a_person_as_an_agent(project, operator):
    with pytest.raises(Invalid, match="by hand"):
        Agent.objects.register(AgentSpec("max", kind="person"), projects=[project], by=operator)


def test_the_owner_of_nothing_may_still_be_given_it_later(task, eve, project, operator):
    Member.objects.remove(project, eve, by=operator)
    with pytest.raises(Forbidden):
        assign(task, "me", eve)
