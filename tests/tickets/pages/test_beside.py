"""The tickets beside one are those of the board as it was filtered last; archived ones are elsewhere."""

from __future__ import annotations

import pytest

from agents.models import Member, Project, ProjectSpec
from tests.support.html import squeeze
from tickets.models import Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def five(project, operator):
    """OMO-1 to OMO-5; the board shows them as 3 (critical), 1, 2, 5, then 4 in the next phase."""
    made = [Ticket.objects.open(project, TicketSpec(f"n{n}"), by=operator) for n in range(1, 6)]
    Ticket.objects.act(made[2].pk, "edit", by=operator, priority=0, labels=["x"])
    Ticket.objects.act(made[4].pk, "edit", by=operator, labels=["x"])
    Ticket.objects.move(made[3].pk, "DOING", by=operator)
    return made


def walk(page, key, way):
    """The keys of the tickets from here, as the links lead."""
    keys = []
    while True:
        address = page.get(f"/tickets/{key}/{way}/")["Location"]
        if address == f"/tickets/{key}/":
            return keys
        key = address.split("/")[2]
        keys.append(key)


def test_the_order_is_that_of_the_board(page, five):
    assert walk(page, "OMO-3", "next") == ["OMO-1", "OMO-2", "OMO-5", "OMO-4"]
    assert walk(page, "OMO-4", "previous") == ["OMO-5", "OMO-2", "OMO-1", "OMO-3"]
    assert "OMO-4 is the last ticket of this view." in squeeze(
        page.get("/tickets/OMO-4/next/", follow=True).content.decode()
    )


def test_the_board_that_was_opened_last_decides(page, five, operator):
    page.get("/board/?project=OMO&label=x")
    assert walk(page, "OMO-3", "next") == ["OMO-5"]
    assert walk(page, "OMO-1", "next") == ["OMO-5"]  # which is not in the view
    page.get("/board/?project=OMO")
    assert walk(page, "OMO-5", "next") == ["OMO-4"]
    Project.objects.create_project(ProjectSpec("PAY"), by=operator)
    page.get("/board/?project=PAY&label=x")
    assert walk(page, "OMO-5", "next") == ["OMO-4"]
    page.cookies["board_view"] = "project=OMO&label=%00&view=stuck&show=x" * 100
    assert page.get("/tickets/OMO-5/next/").status_code == 302
    for name in ("label", "q"):
        page.cookies["board_view"] = f"project=OMO&{name}=%00"
        assert page.get("/tickets/OMO-5/next/").status_code == 302
        assert page.get(f"/board/?project=OMO&{name}=%00").status_code == 200


def test_archived_tickets_leave_the_board_and_come_back(page, five, project, operator, django_user_model):
    assert page.post("/tickets/OMO-1/archive/", {}).status_code == 422  # it is open: why?
    answer = page.post("/tickets/OMO-1/archive/", {"reason": "not this year"}, headers={"HX-Request": "true"})
    version = Ticket.objects.get(key="OMO-1").version
    assert answer["X-Undo"] == f"/tickets/OMO-1/restore/?version={version}"
    assert "OMO-2" in walk(page, "OMO-3", "next")
    assert "OMO-1" not in walk(page, "OMO-3", "next")
    assert "n1" not in squeeze(page.get("/board/?project=OMO").content.decode())
    shown = squeeze(page.get("/tickets/OMO-1/").content.decode())
    assert "was archived" in shown
    assert 'id="head-restore"' in shown
    listed = squeeze(page.get("/archived/?project=OMO").content.decode())
    assert 'id="restore-OMO-1"' in listed
    assert "OMO-2" not in listed
    assert "No archived ticket matches" in squeeze(page.get("/archived/?q=zzz").content.decode())

    viewer = django_user_model.objects.create_user("viewer")
    page.force_login(viewer)
    assert page.get("/archived/?project=OMO").status_code == 404
    Member.objects.create(project=project, user=viewer, role="viewer")
    assert "restore-OMO-1" not in squeeze(page.get("/archived/?project=OMO").content.decode())
    assert page.post("/tickets/OMO-1/restore/", {}).status_code == 403
    page.force_login(operator)

    page.post("/tickets/OMO-1/restore/", {"version": version})

    assert walk(page, "OMO-3", "next")[0] == "OMO-1"


def test_what_is_reversible_says_how(page, five):
    part = {"HX-Request": "true"}
    paused = page.post("/tickets/OMO-1/pause/", {"reason": "holiday"}, headers=part)
    assert paused["X-Undo"].startswith("/tickets/OMO-1/resume/?version=")
    resumed = page.post("/tickets/OMO-1/resume/", {}, headers=part)
    assert resumed["X-Undo"].startswith("/tickets/OMO-1/pause/?reason=holiday&version=")
    page.post("/tickets/OMO-1/pause/", {"reason": "é" * 2_000}, headers=part)
    # more than a server before this one takes in the head of an answer
    assert "X-Undo" not in page.post("/tickets/OMO-1/resume/", {}, headers=part)
    changed = page.post("/tickets/OMO-1/priority/", {"priority": "low"}, headers=part)
    assert changed["X-Undo"].startswith("/tickets/OMO-1/priority/?priority=medium&version=")
    blocked = page.post("/tickets/OMO-1/block/", {"class": "environment", "reason": "down"}, headers=part)
    assert "X-Undo" not in blocked


def test_the_texts_of_a_ticket_are_edited(page, five, operator):
    shown = squeeze(page.get("/tickets/OMO-3/edit/").content.decode())
    assert 'name="title" value="n3"' in shown
    assert 'name="labels" value="x"' in shown
    version = str(Ticket.objects.get(key="OMO-3").version)
    form = {"title": "New", "description": "a\r\nb", "labels": "y, z, y", "version": version}

    assert page.post("/tickets/OMO-3/edit/", form).status_code == 302

    row = Ticket.objects.get(key="OMO-3")
    assert (row.title, row.description, row.labels) == ("New", "a\nb", ["y", "z"])
    again = squeeze(page.post("/tickets/OMO-3/edit/", form).content.decode())
    assert "This is done already" in again
    other = page.post("/tickets/OMO-3/edit/", {**form, "title": "Newer", "labels": ""})
    assert other.status_code == 412
    kept = squeeze(other.content.decode())
    assert 'name="title" value="Newer"' in kept
    assert 'name="labels" value=' not in kept
    assert page.post("/tickets/OMO-3/edit/", {**form, "title": "\u200b", "version": ""}).status_code == 422
    assert Ticket.objects.get(key="OMO-3").title == "New"
