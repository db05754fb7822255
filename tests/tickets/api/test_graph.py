"""The graph of a ticket over HTTP."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.api_client import api_of
from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def test_nodes_and_edges_lead_into_other_tickets_and_no_further(project, ticket, operator):
    one, two = Task.objects.add(
        ticket,
        [TaskSpec("one", ref="one"), TaskSpec("two", needs=[NeedSpec("one", "always", "continue")])],
        by=operator,
    )
    other = Ticket.objects.open(project, TicketSpec("Other"), by=operator)
    before, far = Task.objects.add(other, [TaskSpec("before"), TaskSpec("far")], by=operator)
    Need.objects.add(project.pk, [Edge(before.pk, one.pk), Edge(far.pk, before.pk)], by=operator)

    graph = api_of(operator).get(f"/tickets/{ticket.key}/graph").json()

    assert [(node["title"], node["ticket"]) for node in graph["nodes"]] == [
        ("one", "OMO-1"),
        ("two", "OMO-1"),
        ("before", "OMO-2"),
    ]
    assert [(edge["needs"], edge["task"], edge["when"], edge["on_failure"]) for edge in graph["edges"]] == [
        (str(one.pk), str(two.pk), "always", "continue"),
        (str(before.pk), str(one.pk), "success", "hold"),
    ]
    assert (graph["ticket"], graph["left_out"]) == ("OMO-1", 0)


def test_the_number_of_statements_does_not_grow_with_the_graph(ticket, operator):
    calls = api_of(operator)

    def cost(count):
        Task.objects.add(
            ticket,
            [
                TaskSpec(f"n{n}", ref=f"r{n}", needs=[NeedSpec(f"r{n - 1}")] if n else [])
                for n in range(count)
            ],
            by=operator,
        )
        with CaptureQueriesContext(connection) as told:
            calls.get(f"/tickets/{ticket.key}/graph")
        return len(told)

    cost(1)  # the first call of a key is noted
    assert cost(2) == cost(60)
