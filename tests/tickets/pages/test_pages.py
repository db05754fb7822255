"""Pages: who may see what, and what the board says."""

from __future__ import annotations

import pytest

from tests.factories import complete, fail
from tests.support.html import squeeze
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


def text(answer):
    return squeeze(answer.content.decode())


@pytest.mark.full
def test_a_stranger_is_sent_to_sign_in_and_comes_back(client, operator, project):
    operator.set_password("a long enough one")
    operator.save()
    assert client.get("/board/")["Location"] == "/login/?next=/board/"

    answer = client.post("/login/", {"username": "admin", "password": "a long enough one", "next": "/board/"})

    assert (answer.status_code, answer["Location"]) == (302, "/board/")


def test_a_board_shows_tickets_by_phase(page, task):
    answer = page.get("/board/?project=OMO")
    assert "Capture payments" in text(answer)
    assert 'id="column-DOING"' in text(answer)
    assert 'data-live="project:OMO"' in text(answer)


def test_a_live_part_is_the_part_alone(page, task):
    answer = page.get("/board/?project=OMO", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert text(answer).lstrip().startswith('<div id="board-part"')
    assert "HX-Request" in answer["Vary"]


def test_a_ticket_page_says_why_a_task_waits(page, task, ticket, ada, operator):
    from tickets.models import Edge, Need

    [child] = Task.objects.add(ticket, [TaskSpec("Document it")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, child.pk)], by=operator)

    answer = page.get(f"/tickets/{ticket.key}/")

    assert "It waits for" in text(answer)
    assert task.key in text(answer)


def test_what_agents_write_is_shown_as_text(page, project, ada, operator):
    bad = "<script>alert(1)</script>"
    ticket = Ticket.objects.open(
        project, TicketSpec(bad, description=bad, labels=[bad], tasks=[TaskSpec(bad)]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada, error=bad, kind="permanent")

    for path in ("/board/?project=OMO", f"/tickets/{ticket.key}/"):
        assert "<script>alert" not in text(page.get(path))
        assert "&lt;script&gt;alert" in text(page.get(path))


def test_a_done_ticket_is_folded_away_until_asked_for(page, project, ada, operator):
    ticket = Ticket.objects.open(project, TicketSpec("Short one", tasks=[TaskSpec("Do it")]), by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    Ticket.objects.advance_due()
    Ticket.objects.open(
        project, TicketSpec("Another"), by=operator
    )  # where nothing is open any more, the end is shown

    assert "Short one" not in text(page.get("/board/"))
    assert "<b>1</b><span>Done</span>" in text(page.get("/board/"))
    assert "Short one" in text(page.get("/board/?open=DONE"))
    assert page.get(f"/tickets/{ticket.key}/").status_code == 200


def test_nobody_sees_a_project_they_are_no_member_of(client, django_user_model, ticket):
    client.force_login(django_user_model.objects.create_user("mallory"))
    assert client.get(f"/tickets/{ticket.key}/").status_code == 404
    assert client.get("/board/?project=OMO").status_code in (200, 404)
    assert "Capture payments" not in text(client.get("/board/"))
    assert "not a member of any project" in text(client.get("/board/"))
