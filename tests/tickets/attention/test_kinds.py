"""Each kind of attention: when it is listed, what it says, and that its act helps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, Project
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, submit
from tests.support.api_client import api_of
from tests.support.waits import store_waits
from tests.tickets.attention.conftest import GATE, do, listed, only, open_in
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.attention.kinds import KINDS
from tickets.models.attention.registry import registered
from tickets.models.task.rank import rerank

pytestmark = pytest.mark.django_db


def judge(ticket, operator):
    return Ticket.objects.judge(pk=ticket.pk, by=operator)


def test_every_kind_is_registered():
    assert [kind for kind in registered().values() if kind in KINDS] == KINDS


def test_a_gate_that_failed_twice_can_be_judged_again(gated, operator):
    judge(gated, operator)
    assert listed(operator) == []
    second = judge(gated, operator)

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("gate_failed", gated.key, "operator")
    assert item["what"] == "the gate of Make refused it 2 times: Notes submitted"
    assert item["since"] == second.at.isoformat().replace("+00:00", "Z")
    judge(gated, operator)
    assert only(operator)["since"] == item["since"], "it began with the second refusal"
    submit(gated, "notes", b"done", by=operator)
    assert do(item["act"], by=operator).status_code == 201
    assert listed(operator) == []


def test_a_move_makes_a_gate_that_failed_forgotten(gated, operator):
    for _ in range(2):
        judge(gated, operator)
    Ticket.objects.act(gated.pk, "block", by=operator, reason="wait", cause="clarification")
    Ticket.objects.act(gated.pk, "unblock", by=operator)

    assert listed(operator) == []
    judge(gated, operator)
    assert listed(operator) == []


def test_an_edit_keeps_the_count(gated, operator):
    stale = Ticket.objects.get(pk=gated.pk)
    for _ in range(2):
        judge(gated, operator)
    stale.save()
    Ticket.objects.act(gated.pk, "edit", by=operator, title="Another")

    assert listed(operator) == [("gate_failed", gated.key)]


def test_a_gate_that_only_waits_for_tasks_has_not_failed(project, operator):
    gate = [{"check": "tasks_completed"}]
    ticket = open_in(
        project, operator, [{"name": "MAKE", "to": ["OUT"], "gate": gate}, {"name": "OUT", "to": []}]
    )
    Task.objects.add(ticket, [TaskSpec("x")], by=operator)
    for _ in range(3):
        assert not judge(ticket, operator).passed

    assert ("gate_failed", ticket.key) not in listed(operator)


def test_a_move_that_cannot_be_made_is_made_once_its_fault_is_gone(gated, operator):
    phases = [
        {"name": "MAKE", "to": ["OUT"], "automatic": "on_completion", "gate": GATE},
        {"name": "OUT", "to": []},
    ]
    workflow = allow_workflow(gated.project, Workflow.objects.install({"name": "moving", "phases": phases}))
    done = TaskSpec("x", ended=True)
    ticket = Ticket.objects.open(gated.project, TicketSpec("x", workflow=workflow, tasks=[done]), by=operator)
    Ticket.objects.filter(pk=ticket.pk).update(
        move_fault="no such profile", move_fault_at=sql.ClockTimestamp()
    )

    item = only(operator)

    assert (item["kind"], item["subject"]) == ("move_fault", ticket.key)
    assert item["what"] == "it should move on from Make but cannot: no such profile"
    assert do(item["act"], by=operator).status_code == 409  # the gate wants notes
    submit(ticket, "notes", b"done", by=operator)
    assert do(item["act"], by=operator).status_code == 200
    assert listed(operator) == []


def test_agents_that_are_all_silent_are_listed_once(task, ticket, ada, bob, operator):
    Task.objects.add(ticket, [TaskSpec("Document it")], by=operator)
    assert listed(operator) == []
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("agents_silent", task.key, "admin")
    silent = "ada, bob could do it, but have not been heard from for 5 minutes"
    assert item["what"] == f"{silent}; 2 tasks of Doing wait"
    assert do(item["act"], by=operator).status_code == 200
    Agent.objects.update(capabilities=["rust"])
    Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    said = [item["what"] for item in api_of(operator).get("/attention").json()["results"]]
    assert said == [f"{silent}; 2 tasks of Doing wait", f"{silent}; 1 task of Doing that needs rust waits"]
    Task.objects.claim(by=ada)
    ada.seen()
    assert listed(operator) == []


def test_silent_agents_that_are_full_are_listed_when_a_lease_has_ended(task, ticket, ada, operator):
    """Until then they are waited for, says explain too."""
    [other] = Task.objects.add(ticket, [TaskSpec("Document it")], by=operator)
    Agent.objects.update(capacity=1)
    Task.objects.claim(by=ada)
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")
    assert (listed(operator), Task.objects.waits([other.pk])) == ([], {other.pk: "agents"})

    Task.objects.filter(pk=task.pk).update(lease_expires_at="2020-01-01T00:00Z")

    assert only(operator)["kind"] == "agents_silent"
    assert Task.objects.waits([other.pk]) == {other.pk: "operator"}


def test_silent_agents_are_listed_once_the_limits_of_their_project_leave_room(
    project, ticket, ada, bob, operator
):
    """Until then explain says that the agents at work are waited for."""
    Agent.objects.filter(name="bob").update(capacity=2, capabilities=["sql"])
    other = Ticket.objects.open(
        project, TicketSpec("Other", tasks=[TaskSpec("x", capabilities=["sql"])]), by=operator
    )
    Task.objects.add(ticket, [TaskSpec("work")], by=operator)
    Task.objects.claim(by=ada)
    behind = other.tasks.get()
    sql.rows(
        "UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'"
        " WHERE agent_id = %s",
        [bob.pk],
    )

    def seen(**limits):
        Project.objects.act(project.pk, "edit", by=operator, **limits)
        waits = Task.objects.waits([behind.pk])[behind.pk]
        return [subject for kind, subject in listed(operator) if kind == "agents_silent"], waits

    assert seen() == ([behind.key], "operator")
    assert seen(max_agents=1) == ([], "agents")
    assert seen(max_agents=2) == ([behind.key], "operator")
    assert seen(max_tickets=1) == ([], "agents")
    [begun] = Task.objects.add(ticket, [TaskSpec("y", capabilities=["sql"])], by=operator)
    assert seen() == ([begun.key], "agents"), "a task of a ticket in work can be granted, behind the first"
    assert seen(max_tickets=2) == ([behind.key], "operator")


def ready_for(seconds, *tasks):
    """As if they had become ready so long ago."""
    at = timezone.now() - timedelta(seconds=seconds)
    for task in tasks:
        Task.objects.filter(pk=task.pk).update(ready_at=at)
    rerank([task.pk for task in tasks])


@pytest.fixture
def urgent(ticket, ada, operator):
    """A critical task that ada could do, ready for a moment."""
    [task] = Task.objects.add(ticket, [TaskSpec("Stop the leak", priority=0)], by=operator)
    Agent.objects.filter(name="bob").update(state="draining")
    return task


def test_critical_work_that_nobody_takes_is_listed_after_a_minute(urgent, ada, operator):
    ready_for(55, urgent)
    assert (listed(operator), Task.objects.waits([urgent.pk])) == ([], {urgent.pk: "agents"})
    ready_for(61, urgent)

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("critical", urgent.key, "operator")
    assert item["what"] == (
        "it is critical, has been ready for 1 minute, and nobody has taken it:"
        " ada could claim it, but has not done so yet; 1 task of Doing waits"
    )
    assert item["act"]["label"] == "See why"
    cause = do(item["act"], by=operator).json()["causes"][0]
    assert (cause["who"], cause["since"]) == ("operator", item["since"])
    assert item["what"].startswith(cause["what"])
    Task.objects.claim(by=ada)
    assert listed(operator) == []


def test_critical_work_behind_other_work_is_bumped(urgent, task, ticket, operator):
    """What was promoted before, or bumped, comes first."""
    Task.objects.act(task.pk, "bump", by=operator, reason="first")
    [other] = Task.objects.add(ticket, [TaskSpec("Stop the other leak", priority=0)], by=operator)
    ready_for(70, other)
    ready_for(300, urgent)

    item = only(operator)

    assert (item["subject"], item["act"]["label"]) == (urgent.key, "Bump")
    assert item["what"].endswith("; 2 tasks of Doing wait")
    assert do(item["act"], by=operator).status_code == 200
    assert Task.objects.get(pk=urgent.pk).bumped_at


def test_work_that_is_not_critical_may_wait(task, ada, operator):
    ready_for(10_000, task)

    assert (listed(operator), Task.objects.waits([task.pk])) == ([], {task.pk: "agents"})


def test_critical_work_that_something_bars_is_not_listed_as_not_taken(urgent, ticket, project, ada, operator):
    """Explain then names what bars it, and who is waited for."""
    ready_for(300, urgent)

    def barred():
        waits = Task.objects.waits([urgent.pk])[urgent.pk]
        return "critical" not in {kind for kind, _ in listed(operator)}, waits

    assert barred() == (False, "operator")
    other = Ticket.objects.open(project, TicketSpec("Other", tasks=[TaskSpec("x")]), by=operator)
    Task.objects.act(other.tasks.get().pk, "bump", by=operator, reason="first")
    [held] = Task.objects.claim(by=ada)
    assert (held.ticket_id, barred()) == (other.pk, (False, "operator"))
    Project.objects.act(project.pk, "edit", by=operator, max_tickets=1)
    assert barred() == (True, "agents")
    Project.objects.act(project.pk, "edit", by=operator, max_tickets=None)
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    assert barred() == (True, "agents")
    Agent.objects.filter(pk=ada.pk).update(capacity=2)
    Project.objects.act(project.pk, "pause", by=operator)
    assert barred()[0]
    Project.objects.act(project.pk, "resume", by=operator)
    assert barred() == (False, "operator")
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '5 min'")
    assert barred() == (True, "operator"), "its agents are silent, which is another kind"


@pytest.mark.parametrize("end", ["release", "hand back", "revoke", "lapse"])
def test_critical_work_that_comes_back_is_waited_for_anew(urgent, ada, operator, end):
    """However long it was held, and without progress."""
    ready_for(10_000, urgent)
    if end == "hand back":
        Task.objects.assign(urgent.pk, by=operator, reason="mine")
    else:
        Task.objects.claim(by=ada)
        Task.objects.filter(pk=urgent.pk).update(active_at=timezone.now() - timedelta(seconds=9_000))
    match end:
        case "release":
            Task.objects.release(urgent.pk, 1, by=ada)
        case "hand back":
            Task.objects.release(urgent.pk, 1, by=operator, reason="later")
        case "revoke":
            Task.objects.filter(pk=urgent.pk).revoke(by=operator, reason="not her")
        case "lapse":
            sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
            assert Task.objects.lapse() == 1

    assert (listed(operator), Task.objects.waits([urgent.pk])) == ([], {urgent.pk: "agents"})
    Task.objects.filter(pk=urgent.pk).update(active_at=timezone.now() - timedelta(seconds=61))
    assert only(operator)["kind"] == "critical"


def test_a_blocked_ticket_is_unblocked(gated, operator):
    Ticket.objects.move(gated.pk, "BLOCKED", by=operator, reason="Which schema?", cause="failing_checks")

    item = only(operator)

    assert (item["kind"], item["what"]) == ("blocked", "it is blocked (failing checks): Which schema?")
    assert do(item["act"], by=operator).status_code == 200
    assert Ticket.objects.get(pk=gated.pk).phase == "MAKE"


def test_a_blocked_ticket_goes_back_where_its_workflow_lets_it(project, operator):
    phases = [
        {"name": "PLAN", "to": ["MAKE"]},
        {"name": "MAKE", "to": ["OUT"], "blocked_to": ["PLAN"]},
        {"name": "OUT", "to": []},
    ]
    ticket = open_in(project, operator, phases)
    Ticket.objects.act(ticket.pk, "advance", by=operator)
    Ticket.objects.act(ticket.pk, "block", by=operator, reason="wait", cause="clarification")

    assert only(operator)["act"]["body"] == {"to": "PLAN"}
    assert do(only(operator)["act"], by=operator).status_code == 200


def test_a_ticket_that_waits_for_approval_is_reviewed(project, operator, person):
    phases = [
        {"name": "CHECK", "to": ["OUT"], "approvals": {"count": 1, "role": "approver"}},
        {"name": "OUT", "to": []},
    ]
    ticket = open_in(project, operator, phases)
    abe, olga = person("approver", "abe"), person("operator", "olga")

    item = only(abe)

    assert (item["kind"], item["subject"], item["who"]) == ("approval", ticket.key, "approver")
    assert (item["people"], item["what"]) == (["abe"], "it waits for an approver to approve it")
    assert (len(listed(abe, mine=True)), listed(olga, mine=True)) == (1, [])
    seen = do(item["act"], by=abe).json()["evidence"]
    decision = {"decision": "approve", "seen": seen, "reason": ""}
    assert api_of(abe).post(f"/tickets/{ticket.key}/approvals", decision).status_code == 201
    assert listed(abe) == []


def test_two_processes_under_one_name_are_listed_until_one_has_ended(ada, operator):
    for name in ("one", "two", "one"):
        api_of(ada).post("/agents/me/heartbeat", {"instance": name})

    item = only(operator)

    assert (item["kind"], item["subject"], item["ticket"], item["who"]) == (
        "agent_shared",
        "ada",
        "",
        "admin",
    )
    assert item["what"].startswith("2 processes work as ada at the same time: one, two. End all but one")
    assert do(item["act"], by=operator).json()["name"] == "ada"
    sql.rows("UPDATE agents_agentpresence SET shared_at = shared_at - interval '3 min'")
    assert listed(operator) == []


def test_a_ticket_whose_work_has_ended_is_moved_on(project, ada, operator):
    ticket = open_in(project, operator, [{"name": "MAKE", "to": ["OUT"]}, {"name": "OUT", "to": []}])
    Task.objects.add(ticket, [TaskSpec("x")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    assert listed(operator) == []  # it is found by a sweep
    store_waits()

    item = only(operator)

    assert (item["kind"], item["subject"], item["who"]) == ("work_ended", ticket.key, "operator")
    assert item["what"] == "its only task of Make has ended, but nobody has moved it on"
    assert item["since"] == Task.objects.get().ended_at.isoformat().replace("+00:00", "Z")
    [more] = Task.objects.add(ticket, [TaskSpec("y")], by=operator)
    assert "work_ended" not in dict(listed(operator)), "before the sweep too"
    Task.objects.filter(pk=more.pk).cancel(by=operator, reason="not wanted")
    assert do(item["act"], by=operator).status_code == 200
    assert listed(operator) == []
    store_waits()
    assert listed(operator) == []


def test_what_a_ticket_left_open_is_listed_once_it_is_done(project, ticket, task, operator):
    """Nobody can claim it there."""
    Ticket.objects.move(ticket.pk, "DONE", by=operator, reason="Enough of it is done", force=True)
    store_waits()

    item = only(operator)

    assert (item["kind"], item["subject"]) == ("work_ended", ticket.key)
    assert item["what"] == "it is done, and 1 task of it is still open"
    assert do(item["act"], by=operator).json()["causes"][0]["what"] == item["what"]
    Task.objects.filter(pk=task.pk).cancel(by=operator, reason="not wanted")
    assert listed(operator) == []
