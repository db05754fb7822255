"""Search: what a few letters name, for who sees it, at the same cost however much there is."""

from __future__ import annotations

import pytest

from agents.models import Member, Project, ProjectSpec
from tests.support.costs import costs
from tests.support.html import squeeze
from tests.support.many_tickets import many_tickets
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.search import search
from tickets.pages.search import KINDS

pytestmark = pytest.mark.django_db


def found(text, by):
    return [(each.kind, each.name) for each in search(text, by=by, most=6)]


@pytest.fixture
def work(project, ada, operator):
    spec = TicketSpec("Capture payments", tasks=[TaskSpec("Write the ledger")])
    return Ticket.objects.open(project, spec, by=operator)


def test_what_a_text_names(work, project, ada, operator):
    task = work.tasks.get()
    assert found("omo-1", operator)[0] == ("ticket", "OMO-1")
    assert found("PAYMENTS", operator) == [("ticket", "OMO-1")]
    assert found("the ledg", operator) == [("task", f"OMO-1.{task.pk}")]
    assert found(f"omo-1.{task.pk}", operator) == [("task", f"OMO-1.{task.pk}")]
    assert found("ada", operator) == [("agent", "ada")]
    assert ("project", "OMO") in found("omo", operator)
    for nothing in ("", "a", "%%", "__", "\0\0", "OMO-1.9999999999999999999999", "x" * 5_000):
        assert found(nothing, operator) == [], nothing


def test_a_key_finds_what_is_archived_and_its_own_ticket_first(work, project, operator):
    for number in range(12):
        Ticket.objects.open(project, TicketSpec(f"more {number}"), by=operator)
    Ticket.objects.act(work.pk, "archive", by=operator)

    assert found("OMO-1", operator)[:2] == [("ticket", "OMO-1"), ("ticket", "OMO-13")]
    assert found("payments", operator) == []


def test_only_what_somebody_sees_is_found(work, project, ada, operator, django_user_model):
    stranger = django_user_model.objects.create_user("eve")
    other = Project.objects.create_project(ProjectSpec("PAY"), by=operator)
    Member.objects.create(project=other, user=stranger, role="viewer")
    task = work.tasks.get()

    for text in ("OMO-1", "omo", "payments", "ledger", f"OMO-1.{task.pk}", "ada"):
        assert found(text, stranger) == [], text
    assert found("pay", stranger) == [("project", "PAY")]


def test_the_page_and_its_part(client, work, operator):
    client.force_login(operator)
    page = squeeze(client.get("/search/?q=payments").content.decode())
    part = squeeze(client.get("/search/?q=payments", headers={"HX-Request": "true"}).content.decode())

    link = '<a href="/tickets/OMO-1/">'
    assert link in page
    assert part.startswith('<section class="found"><h2>Tickets</h2>')
    assert link in part
    assert "<html" not in part
    task = Task.objects.latest("pk")
    assert f'href="/tasks/{task.key}/"' in client.get(f"/search/?q={task.key}").content.decode()
    assert "Nothing is called “&lt;b&gt;”" in squeeze(client.get("/search/?q=<b>").content.decode())
    assert client.get("/search/?q=a%00b").status_code == 200
    assert len(KINDS) == 4


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_search_reads_as_much_of_a_large_backlog_as_of_a_small_one(work, project, operator):
    read = []
    for tickets in (4_000, 36_000):
        many_tickets(project, tickets, tasks=1)
        with costs() as paid:
            search("no such title", by=operator, most=6)
        read.append(sum(cost.buffers for cost in paid))
        assert not {"tickets_task", "tickets_ticket"} & set().union(*(cost.scanned for cost in paid))

    assert read[1] < 1.3 * read[0]
