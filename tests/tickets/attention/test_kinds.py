"""Each kind of attention: when it is listed, what it says, and that its act helps."""

from __future__ import annotations

import pytest

from agents.models import Agent
from omoi_site.database import sql
from tests.factories import allow_workflow, submit
from tests.support.api_client import api_of
from tests.tickets.attention.conftest import GATE, do, listed, only, open_in
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.attention.kinds import KINDS
from tickets.models.attention.registry import registered

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
    assert item["what"] == "ada, bob could do it, but have not been heard from for 5 minutes; 2 tasks wait"
    assert do(item["act"], by=operator).status_code == 200
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
