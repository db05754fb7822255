"""Explain: every open task and ticket says what it waits on, and who must act."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, AgentSpec, Project
from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.errors import NotFound
from tests.factories import allow_workflow, complete, fail
from tests.support.costs import cost_of
from tests.support.waits import store_waits
from tests.tickets.explain.random_world import silent
from tickets.models import (
    Edge,
    Need,
    SweepRun,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.explain import found_waits, ticket_explanation

pytestmark = pytest.mark.django_db


def why(task):
    """(waiting_on, codes, sentences) of a task."""
    told = Task.objects.explanations([task.pk])[task.pk]
    assert Task.objects.waits([task.pk]) == {task.pk: told["waiting_on"]}
    return (
        told["waiting_on"],
        [cause["code"] for cause in told["causes"]],
        " | ".join(cause["what"] for cause in told["causes"]),
    )


def why_ticket(ticket):
    told = Ticket.objects.explanation(ticket)
    assert Ticket.objects.waits([ticket.pk]) == {ticket.pk: told["waiting_on"]}
    return (
        told["waiting_on"],
        [cause["code"] for cause in told["causes"]],
        " | ".join(cause["what"] for cause in told["causes"]),
    )


def test_a_ready_task_names_who_could_take_it(task, ada, bob):
    assert why(task) == (
        "agents",
        ["capacity"],
        "it is ready; ada, bob could claim it, but have not done so yet",
    )
    silent(ada)
    assert "it is ready; bob could claim it, but has not" in why(task)[2]
    silent(bob)
    assert why(task)[:2] == ("operator", ["agent_silent"])


def test_a_task_for_which_all_hands_are_full_says_so(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(6)], by=operator)
    Task.objects.claim(by=ada, limit=5)
    [left] = Task.objects.ready()
    assert why(left) == ("agents", ["capacity"], "ada could do it, but has no free capacity")


def test_a_task_nobody_can_do_says_what_is_missing_and_how_to_get_it(ticket, ada, operator):
    [task] = Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    assert why(task) == ("operator", ["capability"], "no agent of OMO works in Doing and can do rust")
    assert "--capability rust" in Task.objects.explanations([task.pk])[task.pk]["causes"][0]["how"]
    Agent.objects.register(
        AgentSpec("eve", capabilities=["rust"]), by=operator, projects=[Project.objects.get()]
    )
    with Agent.objects.locked(name="eve") as eve:
        eve.drain(by=operator)
    assert why(task) == (
        "operator",
        ["capability"],
        "no agent that could do it is available: eve is draining",
    )
    [profiled] = Task.objects.add(
        ticket, [TaskSpec("Run it", profile="echo", slots={"text": "hi"})], by=operator
    )
    assert why(profiled)[2].startswith("no worker runs that could do it")


def test_a_claimed_task_waits_on_its_holder_and_says_when_it_is_silent(task, ada):
    Task.objects.claim(by=ada)
    assert why(task)[:2] == ("agent:ada", ["capacity"])
    silent(ada)
    assert why(task)[:2] == ("agent:ada", ["agent_silent"])
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
    assert why(task)[:2] == ("operator", ["clock"])
    SweepRun.note({})
    assert why(task)[:2] == ("clock", ["clock"])


def test_a_task_waits_on_what_it_needs_and_on_somebody_when_that_cannot_be_met(task, ticket, ada, operator):
    [child] = Task.objects.add(ticket, [TaskSpec("Document it", max_attempts=1)], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, child.pk)], by=operator)
    assert why(child) == (f"task:{task.key}", ["need"], f"it waits for {task.key}")
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, kind="permanent")
    assert why(child) == ("operator", ["need"], f"its needs can no longer be met: {task.key} failed")
    assert why(task) == ("operator", ["limit"], "it failed after 1 of 3 attempts: broken")
    assert why_ticket(ticket)[:2] == ("operator", ["limit", "need"])


def test_a_task_not_yet_due_waits_on_the_clock(task, ada, operator):
    Task.objects.edit(task.pk, by=operator, not_before=timezone.now() + timedelta(hours=1))
    assert why(task)[:2] == ("clock", ["not_due"])
    Task.objects.filter(pk=task.pk).update(not_before="2020-01-01T00:00Z")
    assert why(task)[1][0] == "clock"


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda ticket, by: ticket.pause(by=by, reason="budget"), ("operator", "pause", "is paused: budget")),
        (lambda ticket, by: ticket.archive(by=by), ("operator", "pause", "is archived")),
        (
            lambda ticket, by: ticket.block(by=by, reason="keys are missing", cause="dependency"),
            ("operator", "phase", "is blocked (dependency): keys are missing"),
        ),
    ],
)
def test_a_ticket_that_stands_still_says_why_and_its_tasks_too(act, expected, task, ticket, operator, ada):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        act(locked, operator)
    for who, codes, what in (why(task), why_ticket(ticket)):
        assert (who, codes[0]) == expected[:2]
        assert expected[2] in what
    [cause, *_] = Task.objects.explanations([task.pk])[task.pk]["causes"]
    assert cause["since"] is not None
    whats = [cause["what"] for cause in Ticket.objects.explanation(ticket)["causes"]]
    assert whats == [cause["what"]], "what stops the whole ticket is said once, not again for its task"


def test_a_paused_project_is_named(task, ticket, ada, operator):
    with Project.objects.locked(key="OMO") as project:
        project.pause(by=operator, reason="release day")
    assert why(task) == ("operator", ["pause"], "project OMO is paused: release day")
    assert why_ticket(ticket) == why(task)  # once: the task has no cause of its own


def test_a_task_of_another_phase_waits_on_its_ticket(project, ada, operator):
    phases = [
        {"name": name, "to": to}
        for name, to in (("THINK", ["DO"]), ("DO", ["SHIP"]), ("SHIP", ["OUT"]), ("OUT", []))
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "four", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)
    before, later, never = Task.objects.add(
        ticket, [TaskSpec("a"), TaskSpec("b", phase="SHIP"), TaskSpec("c", phase="SHIP")], by=operator
    )
    Task.objects.filter(pk=never.pk).update(phase="OUT")  # as it could be added once
    Ticket.objects.move(ticket.pk, "DO", by=operator, reason="thinking can wait", force=True)

    assert why(later) == ("ticket:OMO-1", ["phase"], "it belongs to Ship, but ticket OMO-1 is still in Do")
    assert why(before)[:2] == ("operator", ["phase"])
    assert why(never)[:2] == ("operator", ["phase"])
    assert "is done when it reaches Out" in why(never)[2]


def test_who_must_act_for_a_ticket_is_told_however_many_tasks_it_has(project, ticket, ada, operator):
    for kinds in (
        ["", "rust"],
        ["rust", ""],
    ):  # nobody can do rust: the one task beyond those that are told waits for somebody else
        ticket = Ticket.objects.open(project, TicketSpec("Much"), by=operator)
        specs = [
            TaskSpec("x", capabilities=words.split())
            for words in [kinds[0]] * ticket_explanation.MOST * 2 + [kinds[1]]
        ]
        *_, last = Task.objects.add(ticket, specs, by=operator)

        with CaptureQueriesContext(connection) as asked:
            told = Ticket.objects.explanation(ticket)

        who = {cause["who"] for cause in told["causes"]}
        assert who == {"operator", "agents"}
        assert any(str(last.pk) in cause["what"] for cause in told["causes"])
        assert len(asked) == 2
        assert len(told["causes"]) <= ticket_explanation.MOST + 2


def test_a_ticket_waits_on_its_open_task_then_on_the_clock_then_on_nobody(project, ada, operator):
    ticket = Ticket.objects.open(project, TicketSpec("Fix it"), by=operator)
    assert why_ticket(ticket) == ("operator", ["phase"], "it has no task in Todo")
    [cause] = Ticket.objects.explanation(ticket)["causes"]
    assert cause["how"].startswith("Press Advance")  # a phase without a gate asks for no evidence
    [task] = Task.objects.add(ticket, [TaskSpec("Fix it")], by=operator)
    assert why_ticket(ticket)[:2] == ("agents", ["capacity"])
    [claim] = Task.objects.claim(by=ada)
    Ticket.objects.advance_due()
    ticket.refresh_from_db()
    assert why_ticket(ticket)[0] == "agent:ada"
    assert f"{ticket.key}.{task.pk}: ada works on it" in why_ticket(ticket)[2]
    complete(claim, by=ada)
    SweepRun.note({})
    assert why_ticket(ticket)[:2] == ("clock", ["clock"])
    Ticket.objects.advance_due()
    ticket.refresh_from_db()
    assert why_ticket(ticket) == (None, [], "")
    assert why(task) == (None, [], "")


def test_lists_are_filtered_by_who_must_act(task, ticket, ada, operator, project):
    [lonely] = Task.objects.add(ticket, [TaskSpec("Port it", capabilities=["rust"])], by=operator)
    idle = Ticket.objects.open(project, TicketSpec("Idle"), by=operator)
    Task.objects.claim(by=ada)
    store_waits()
    for who, found in (
        ("agent:ada", [task]),
        ("agent", [task]),
        ("operator", [lonely]),
        ("clock", []),
        ("agent:' OR 1=1 %s", []),
    ):
        assert Task.objects.waiting_on(who, limit=5) == ([each.pk for each in found], None)
    assert (
        Ticket.objects.waiting_on("agent:ada", limit=5)
        == Ticket.objects.waiting_on("agent", limit=5)
        == ([ticket.pk], None)
    )
    assert Ticket.objects.waiting_on("operator", limit=5) == ([idle.pk], None)


def test_a_page_of_who_must_act_looks_at_so_many_tickets_and_leads_on(
    project, ada, operator, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(found_waits, "AT_ONCE", 5)
    monkeypatch.setattr(found_waits, "MOST_ASKED", 8)
    idle = [Ticket.objects.open(project, TicketSpec("Idle"), by=operator).pk]
    for _ in range(25):
        Ticket.objects.open(project, TicketSpec("Busy", tasks=[TaskSpec("x")]), by=operator)
    idle += [Ticket.objects.open(project, TicketSpec("Idle"), by=operator).pk for _ in range(3)]
    store_waits()

    with django_assert_num_queries(2):
        assert Ticket.objects.waiting_on("operator", limit=2) == ([idle[3], idle[2]], idle[2])
    assert Ticket.objects.waiting_on("operator", limit=2, before=idle[2]) == ([idle[1], idle[0]], None)
    other = Ticket.objects.filter(title="Nothing")
    with django_assert_num_queries(4):
        assert other.waiting_on("agents", limit=2) == ([], idle[0] + 18)  # 3 were looked at, then 5
    with django_assert_num_queries(1):
        assert Ticket.objects.waiting_on("clock", limit=2)[0] == []


@pytest.mark.full
def test_the_fleet_is_looked_at_once_for_tickets_that_wait_for_the_same(project, ada, operator):
    def touched():
        ids = list(Ticket.objects.values_list("pk", flat=True))
        return cost_of(ticket_explanation.WAITS, {"ids": ids}).buffers

    for _ in range(50):
        Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
    few = touched()
    for number in range(30):
        Agent.objects.register(AgentSpec(f"one-{number}"), projects=[project], by=operator)

    assert touched() < 1.5 * few


def test_a_page_of_fifty_tasks_is_explained_in_one_statement(
    ticket, ada, operator, django_assert_num_queries
):
    tasks = Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(50)], by=operator)
    with django_assert_num_queries(1):
        assert len(Task.objects.explanations([task.pk for task in tasks])) == 50
    with django_assert_num_queries(2):
        Ticket.objects.explanation(ticket)
    with django_assert_num_queries(1):
        Ticket.objects.waits([ticket.pk])


def test_braces_in_what_people_wrote_are_told_as_they_are(task, ticket, operator):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.block(by=operator, reason="{holder} %s {0}", cause="clarification")
    assert "{holder} %s {0}" in why(task)[2]


def test_the_command_explains_a_ticket_and_a_task(task, ticket, ada, capsys):
    call_command("explain", "omo-1", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["key"], told["state"], told["waiting_on"], told["causes"][0]["code"]) == (
        "OMO-1",
        "DOING",
        "agents",
        "capacity",
    )
    call_command("explain", task.key)
    said = capsys.readouterr().out
    assert said.startswith(f"{task.key} (pending) waits for an agent.")
    assert "ada could claim it" in said
    for unknown in ("OMO-99", "OMO-1.99", "OMO-1.x", "OMO-2." + str(task.pk)):
        with pytest.raises(NotFound):
            call_command("explain", unknown)


def test_moments_are_told_as_people_say_them(task, ada):
    Task.objects.claim(by=ada)
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '4 min 10 s'")
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() + interval '2 h 10 s'")

    [cause] = Task.objects.explanations([task.pk])[task.pk]["causes"]

    assert (
        cause["what"] == "ada holds it and has not been heard from for 4 minutes; the lease ends in 2 hours"
    )


def test_what_is_about_to_happen_is_not_told_as_past(task, ada):
    """The time to take it back has come, or that of its lease, and the sweep is still to look."""
    [claim] = Task.objects.claim(by=ada)
    sql.rows(
        "UPDATE tickets_task"
        " SET stall_s = 1, stall_after_s = 1, active_at = clock_timestamp() - interval '1 h'"
        " WHERE id = %s",
        [claim.task],
    )
    [cause] = Task.objects.explanations([task.pk])[task.pk]["causes"]
    assert cause["what"] == "ada has shown no progress for 1 hour; it is taken back any moment now"

    assert humanize.coming(0.4) == "any moment now"
    assert humanize.coming(61) == "in 1 minute"
    moment = timezone.now()
    assert humanize.ends(moment - timedelta(seconds=2), moment) == "ended 2 seconds ago"
    assert humanize.ends(moment + timedelta(seconds=2), moment) == "ends in 2 seconds"


def test_a_need_that_a_failed_validation_adds_began_with_it(task, ada):
    sql.rows("UPDATE tickets_task SET created_at = created_at - interval '12 min'")
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error="2 of 7 tests fail", kind="validation")

    [cause] = Task.objects.explanations([task.pk])[task.pk]["causes"]

    assert cause["code"] == "need"
    assert cause["since"] == Task.objects.exclude(pk=task.pk).get().created_at
