"""The estimate on a ticket's page: only where it is asked for, in words, and marked in the graph and list."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from agents.models import Agent
from tests.factories import complete
from tests.support.html import squeeze
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def opened(project, operator, title):
    tasks = [
        TaskSpec("write", ref="write"),
        TaskSpec("test", ref="test", needs=[NeedSpec("write")]),
        TaskSpec("print", needs=[NeedSpec("write")]),
    ]
    return Ticket.objects.open(project, TicketSpec(title, tasks=tasks), by=operator)


@pytest.fixture
def measured(project, ada, operator):
    """Of five such tickets: writing took 60 s, testing 600 s, printing 10 s."""
    took = {"write": 60, "test": 600, "print": 10}
    Agent.objects.filter(pk=ada.pk).update(capacity=10)
    past = [opened(project, operator, f"past {n}") for n in range(5)]
    while claims := Task.objects.claim(by=ada, limit=10):
        for claim in claims:
            complete(claim, by=ada)
    for task in Task.objects.filter(ticket__in=past):
        begun = task.ended_at - timedelta(seconds=took[task.title])
        Task.objects.filter(pk=task.pk).update(claimed_at=begun, ready_at=begun)


def test_the_critical_path_is_marked_where_it_is_asked_for(client, project, operator, measured):
    ticket = opened(project, operator, "next")
    write, test, other = ticket.tasks.order_by("pk").values_list("pk", flat=True)
    client.force_login(operator)

    plain = squeeze(client.get(f"/tickets/{ticket.key}/").content.decode())
    shown = squeeze(client.get(f"/tickets/{ticket.key}/?path=1").content.decode())

    assert "critical" not in plain
    assert "Half of such tickets are done" in shown
    assert "10 minutes, from 5 samples" in shown
    marked = re.findall(r'<a id="node-(\d+)" class="[^"]* critical"', shown)
    assert sorted(map(int, marked)) == [write, test]
    assert len(re.findall(r'<path class="edge *critical"', shown)) == 1
    assert shown.count('<path class="critical-mark"') == 3  # two nodes and the legend
    assert shown.count("· on the critical path<") == 2
    assert shown.count('<span class="tag">on the critical path</span>') == 2
    assert other not in map(int, marked)


def test_where_nothing_can_be_said_it_says_why(client, project, operator):
    ticket = opened(project, operator, "first")
    Ticket.objects.act(ticket.pk, "pause", by=operator)
    client.force_login(operator)
    shown = squeeze(client.get(f"/tickets/{ticket.key}/?path=1").content.decode())
    assert "When it will be done cannot be said." in shown
    assert "It is paused: resume it first." in shown
