"""The page of freezes and the line on every page, as a person without script has them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Event, Member, Project, ProjectSpec
from tickets.models import Freeze, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def other(operator):
    return Project.objects.create_project(ProjectSpec("RND", workflow="simple"), by=operator)


@pytest.fixture
def desk(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def lead(project, operator, django_user_model):
    """An admin of OMO alone."""
    person = django_user_model.objects.create_user("lead")
    Member.objects.set(project, person, "admin", by=operator)
    return person


def send(client, act, key="", **more):
    form = {"act": act, "project": key, "reason": "An agent runs wild", **more}
    return client.post("/freeze/", form, follow=True)


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def mark():
    return Freeze.objects.get().mark


def test_everything_is_frozen_and_thawed_and_both_are_told(
    desk, client, project, operator, django_user_model
):
    done = send(desk, "freeze")
    again = send(desk, "freeze", reason="Me too")

    assert "Everything is frozen. Nothing is granted any more." in text_of(done)
    told = text_of(again)
    assert "was frozen already" in told
    assert "The first reason stays: An agent runs wild" in told

    seen = mark()
    thawed, late = (send(desk, "thaw", seen=seen, reason="") for _ in range(2))
    assert "Everything goes on" in text_of(thawed)
    assert "was not frozen any more, so nothing was done. admin thawed it" in text_of(late)
    assert not Freeze.objects.exists()
    kinds = Event.objects.filter(kind__startswith="project.").order_by("id").values_list("kind", flat=True)
    assert list(kinds)[-2:] == ["project.frozen", "project.thawed"]


def test_a_frozen_project_says_where_it_goes_on_with_the_form_filled(desk, client, lead, other, operator):
    Freeze.objects.freeze(by=operator, reason="Stop")

    for path in ("/projects/", "/projects/RND/"):
        assert 'href="/freeze/?project=RND"' in desk.get(path).content.decode()
    form = desk.get("/freeze/?project=RND").content.decode()
    assert re.search(r'id="thaw-all" hx-morph-skip\s+open>', form)
    assert re.search(r'value="RND" selected>\s*Only RND', form)
    assert " open>" not in desk.get("/freeze/").content.decode().partition('id="main"')[2]
    client.force_login(lead)
    assert "/freeze/?project=" not in client.get("/projects/").content.decode()


def test_a_thaw_from_an_old_page_does_not_end_a_newer_freeze(desk, project, operator):
    Freeze.objects.freeze(project, by=operator, reason="First")
    old = mark()
    Freeze.objects.thaw(project, by=operator)
    Freeze.objects.freeze(project, by=operator, reason="Second")

    refused = send(desk, "thaw", "OMO", seen=old, reason="It is over")

    assert refused.status_code == 409
    assert Freeze.objects.get().reason == "Second"


def test_the_check_of_a_freeze_does_not_freeze_again_what_was_thawed(desk, project, other, operator):
    Freeze.objects.freeze(by=operator, reason="Stop")
    old = mark()
    Freeze.objects.thaw(other, by=operator)

    assert send(desk, "freeze", seen=old).status_code == 409
    assert Freeze.objects.get().thawed == [other.pk]


def test_it_shows_what_still_runs_and_that_nothing_is_granted(desk, ticket, operator, ada):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two"), TaskSpec("three")], by=operator)
    Task.objects.claim(by=ada, limit=2)
    Freeze.objects.freeze(by=operator, reason="Stop")
    Task.objects.claim(by=ada)
    page = desk.get("/freeze/")
    assert re.search(r'id="grants">\s*<strong>0<', page.content.decode())
    assert re.search(r'id="running">\s*<strong>2<', page.content.decode())

    stopped = send(desk, "freeze", stop_held="1", seen=mark())

    assert "2 claims taken back." in text_of(stopped)
    assert not Task.objects.filter(state="claimed").exists()
    assert re.search(r'id="running">\s*<strong>0<', stopped.content.decode())


def test_a_grant_of_an_earlier_transaction_is_counted(desk, task, operator, ada):
    Freeze.objects.freeze(by=operator, reason="Stop")
    Freeze.objects.thaw(by=operator)
    Task.objects.claim(by=ada)
    Freeze.objects.freeze(by=operator, reason="Stop")
    Freeze.objects.update(since=Event.objects.order_by("id").first().at)

    assert re.search(r'id="grants">\s*<strong>1<', desk.get("/freeze/").content.decode())


def test_an_admin_of_a_project_freezes_it_and_nothing_else(client, lead, project, other):
    client.force_login(lead)

    page = text_of(client.get("/board/"))
    assert "Stop a project" in page
    assert send(client, "freeze", "OMO").status_code == 200
    assert send(client, "freeze").status_code == 403
    assert send(client, "freeze", "RND").status_code == 404
    assert [freeze.project for freeze in Freeze.objects.all()] == [project]


def test_a_viewer_sees_it_and_is_told_who_may(client, project, operator, django_user_model):
    viewer = django_user_model.objects.create_user("viewer")
    Member.objects.set(project, viewer, "viewer", by=operator)
    Freeze.objects.freeze(project, by=operator, reason="Smoke \u202e<b>")
    client.force_login(viewer)

    page = client.get("/freeze/")

    text = text_of(page)
    assert "An administrator of OMO can let it go on" in text
    assert "Stop a project" not in text
    assert "⟦U+202E⟧" in page.content.decode()
    assert "<form" not in page.content.decode().partition('id="main"')[2].partition("</main>")[0]
    assert send(client, "freeze", "OMO").status_code == 403


def test_the_line_comes_with_the_answer_to_an_open_page(desk, project, operator):
    assert desk.get("/board/", headers=PART)["X-Frozen"] == ""

    Freeze.objects.freeze(project, by=operator, reason="x" * 900)

    told = parse_qs(desk.get("/board/", headers=PART)["X-Frozen"])
    assert told["line"][0].startswith("OMO is frozen by admin: xxx")
    assert len(told["line"][0]) < 320
    assert told["since"]


@pytest.mark.parametrize("reason", ["", "\u200b", "x" * 2001])
def test_a_reason_that_nobody_can_read_is_refused_and_the_choices_stay(desk, project, reason):
    refused = desk.post("/freeze/", {"act": "freeze", "project": "OMO", "stop_held": "1", "reason": reason})

    assert refused.status_code == 422
    page = refused.content.decode()
    assert re.search(r'value="OMO"\s+selected', page)
    assert re.search(r'id="freeze-stop"\s+checked', page)
    assert not Freeze.objects.exists()


def test_it_takes_as_many_statements_for_many_projects(desk, operator, project, ada):
    def statements():
        with CaptureQueriesContext(connection) as asked:
            assert desk.get("/freeze/").status_code == 200
        return len(asked)

    ticket = Ticket.objects.open(project, TicketSpec("T"), by=operator)
    Task.objects.add(ticket, [TaskSpec("x", phase="DOING")], by=operator)
    Freeze.objects.freeze(by=operator, reason="Stop")
    desk.get("/board/")
    few = statements()
    for n in range(20):
        Project.objects.create_project(ProjectSpec(f"P{n}"), by=operator)
    Agent.objects.worker("w", capacity=2)

    assert statements() == few <= 15


def test_the_admin_says_it_too(desk, project, operator):
    Freeze.objects.freeze(project, by=operator, reason="Smoke")

    assert "OMO is frozen by admin: Smoke." in desk.get("/admin/").content.decode()
