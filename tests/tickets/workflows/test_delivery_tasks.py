"""The shipped workflow `software_delivery_tasks`: seven tasks, behind the gates of `software_delivery`."""

from __future__ import annotations

import pytest

from tests.factories import allow_workflow
from tickets.models import (
    NewDiscovery,
    Outcome,
    Priority,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)

pytestmark = pytest.mark.django_db(transaction=True)

SEVEN = [
    ("REQUIREMENTS", "analyze_requirements", "HIGH", ["analysis"], 0),
    ("REQUIREMENTS", "create_requirements_doc", "MEDIUM", ["documentation"], 1),
    ("DESIGN", "design_architecture", "HIGH", ["architecture"], 0),
    ("IMPLEMENTATION", "implement_feature", "HIGH", ["implementation"], 0),
    ("TESTING", "write_tests", "HIGH", ["testing"], 0),
    ("TESTING", "run_tests", "MEDIUM", ["testing"], 1),
    ("DEPLOYMENT", "deploy_feature", "CRITICAL", ["deployment"], 0),
]


def test_its_phases_move_and_are_gated_as_those_of_software_delivery():
    plain, with_tasks = (
        Workflow.objects.latest_of(name).plan.phases
        for name in ("software_delivery", "software_delivery_tasks")
    )

    assert [(phase.name, phase.to, phase.gate) for phase in with_tasks] == [
        (phase.name, phase.to, phase.gate) for phase in plain
    ]


def test_each_phase_begins_with_its_tasks(project, operator):
    workflow = allow_workflow(project, "software_delivery_tasks")
    ticket = Ticket.objects.open(project, TicketSpec("Refunds", workflow=workflow), by=operator)
    for phase in workflow.plan.phases[1:-1]:
        Ticket.objects.move(ticket.pk, phase.name, by=operator, force=True, reason="to see its tasks")

    added = Task.objects.filter(ticket=ticket).order_by("id")

    assert [
        (task.phase, task.kind, Priority(task.priority).name, task.capabilities, task.open_needs)
        for task in added
    ] == SEVEN
    assert {task.title.rpartition(": ")[2] for task in added} == {"Refunds"}


@pytest.mark.parametrize("name", ["software_delivery", "software_delivery_tasks"])
def test_what_agents_find_becomes_work(project, ada, operator, name):
    """As OmoiOS branches from discoveries; there the work is a task of the same ticket too."""
    workflow = allow_workflow(project, name)
    type(ada).objects.filter(pk=ada.pk).update(capabilities=["analysis", "implementation"])
    ticket = Ticket.objects.open(project, TicketSpec("Refunds", workflow=workflow), by=operator)
    Ticket.objects.move(
        ticket.pk, "IMPLEMENTATION", by=operator, force=True, reason="to find something there"
    )
    Task.objects.add(ticket, [TaskSpec("Write it", priority=0)], by=operator)
    [claim] = Task.objects.claim(by=ada)
    types = ["security_issue", "requires_clarification", "optimization_opportunity", "bug"]
    found = [NewDiscovery(each, f"a {each}") for each in types]

    Task.objects.settle([Outcome(claim.task, claim.fence, "completed", discoveries=found)], by=ada)

    tasks = Task.objects.filter(made_of__ticket=ticket).order_by("id")
    assert [(task.made_of.type, task.kind, Priority(task.priority).name, task.phase) for task in tasks] == [
        ("security_issue", "analysis", "CRITICAL", "IMPLEMENTATION"),
        ("optimisation", "analysis", "MEDIUM", "IMPLEMENTATION"),
        ("bug", "bug", "HIGH", "IMPLEMENTATION"),
    ]
    [question] = Ticket.objects.filter(made_of__ticket=ticket)
    assert (question.parent, question.made_of.type) == (ticket, "needs_clarification")
    assert "has left Requirements" in question.made_of.reason


def test_a_question_about_the_requirements_is_a_task_there(project, ada, operator):
    workflow = allow_workflow(project, "software_delivery")
    ticket = Ticket.objects.open(project, TicketSpec("Refunds", workflow=workflow), by=operator)
    Ticket.objects.move(ticket.pk, "REQUIREMENTS", by=operator)
    Task.objects.add(ticket, [TaskSpec("Write them down")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    found = [NewDiscovery("needs_clarification", "Which currency?")]

    Task.objects.settle([Outcome(claim.task, claim.fence, "completed", discoveries=found)], by=ada)

    [task] = Task.objects.filter(made_of__ticket=ticket)
    assert (task.title, task.kind, task.phase) == ("Clarify: Which currency?", "requirements", "REQUIREMENTS")


def test_a_ticket_of_an_older_version_stays_on_it(project, operator):
    older = Workflow.objects.get(name="software_delivery", version=1)
    allow_workflow(project, older)
    ticket = Ticket.objects.open(project, TicketSpec("Refunds", workflow=older), by=operator)
    assert Workflow.objects.latest_of("software_delivery").plan.discoveries
    assert not ticket.plan.discoveries
