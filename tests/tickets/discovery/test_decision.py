"""What people decide about an open discovery, by every door."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction

from agents.models import Member
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid
from tests.support.api_client import api_of
from tests.support.html import squeeze
from tests.tickets.attention.conftest import do, only
from tests.tickets.discovery.conftest import complete_with
from tickets.models import AlreadyDecided, Discovery, Link, Task, Ticket
from tickets.models.ticket.past_phases import PhaseLeft

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(mapped, ada):
    """An open discovery of a type that the workflow does not map."""
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("smell", "Old code", "Since 2019"), by=ada)
    return Discovery.objects.get()


def test_it_needs_an_operator_until_it_becomes_a_task(found, operator):
    item = only(operator)
    assert (item["kind"], item["who"], item["subject"]) == ("discovery", "operator", found.ticket.key)
    assert item["what"] == "ada found something on the way (smell): Old code. Say what becomes of it"

    decided = do(item["act"], by=operator).json()

    made = Task.objects.get(pk=decided["made_task"])
    assert (made.title, made.kind, made.phase) == ("Old code", "smell", "BUILD")
    assert made.description == f"Since 2019\n\nFound by ada in {found.task.key}."
    assert api_of(operator).get("/attention?kind=discovery").json()["results"] == []


def test_the_timeline_names_it(found, operator, client):
    client.force_login(operator)
    Discovery.objects.decide(found.pk, "dismissed", by=operator, reason="It is meant to be so")

    text = squeeze(client.get(f"/tickets/{found.ticket.key}/").content.decode())

    link = f'<a href="#discovery-{found.pk}">Old code</a>'
    assert f"found something on the way: {link} (smell)" in text
    assert f"dismissed {link}" in text


def test_it_becomes_a_ticket_of_its_own(found, operator):
    decided = api_of(operator).post(f"/discoveries/{found.pk}/decision", {"as": "ticket"}).json()
    assert (decided["state"], decided["decided_by"]) == ("ticket", "user:admin")
    assert Ticket.objects.get(key=decided["made_ticket"]).parent == found.ticket


def test_a_discovery_of_a_ticket_that_is_done_becomes_its_follow_up(found, operator):
    for _ in range(2):
        with Ticket.objects.locked(pk=found.ticket_id) as ticket:
            ticket.advance(by=operator)
    with pytest.raises(PhaseLeft):
        Discovery.objects.decide(found.pk, "task", by=operator)

    act = only(operator)["act"]
    assert act["label"] == "Open a ticket"

    do(act, by=operator)

    decided = Discovery.objects.get()
    [link] = Link.objects.filter(kind="follow_up")
    assert (link.ticket, link.other) == (decided.made_ticket, found.ticket)


def test_it_is_dismissed_with_a_reason(found, operator):
    calls = api_of(operator)
    refused = calls.post(f"/discoveries/{found.pk}/decision", {"as": "dismissed"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")

    decided = calls.post(f"/discoveries/{found.pk}/decision", {"as": "dismissed", "reason": "it stays"})

    assert (decided.json()["state"], decided.json()["reason"]) == ("dismissed", "it stays")
    assert not Task.objects.filter(kind="smell").exists()


def test_it_is_decided_once(found, operator):
    Discovery.objects.decide(found.pk, "task", by=operator)
    with pytest.raises(AlreadyDecided, match=rf"it became task {found.ticket.key}\.\d+, by admin"):
        Discovery.objects.decide(found.pk, "dismissed", by=operator, reason="no")
    again = api_of(operator).post(f"/discoveries/{found.pk}/decision", {"as": "ticket"})
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


@pytest.mark.parametrize("body", [{}, {"as": "open"}, {"as": ""}, {"as": "task", "reason": "x" * 2001}, []])
def test_what_is_no_decision_is_refused(found, operator, body):
    assert api_of(operator).post(f"/discoveries/{found.pk}/decision", body).status_code == 422
    found.refresh_from_db()
    assert found.state == "open"


@pytest.mark.parametrize("decision", ["open", "", "dismiss", "Task", None])
def test_the_verb_takes_no_unknown_decision_for_a_dismissal(found, operator, decision):
    with pytest.raises(Invalid, match="becomes one of task, ticket, dismissed"):
        Discovery.objects.decide(found.pk, decision, by=operator, reason="no")

    found.refresh_from_db()
    assert (found.state, found.reason) == ("open", "")


def test_who_may_not_change_tickets_may_not_decide(found, ada, operator, django_user_model):
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.set(found.project, viewer, "viewer", by=operator)
    ada.key_scopes = frozenset({"work"})
    for who in (viewer, ada):
        with pytest.raises(Forbidden):
            Discovery.objects.decide(found.pk, "dismissed", by=who, reason="no")
    assert api_of(viewer).get("/discoveries").json()["results"][0]["id"] == str(found.pk)


def test_a_stranger_does_not_see_it(found, django_user_model):
    stranger = api_of(django_user_model.objects.create_user("sam"))
    assert stranger.get("/discoveries").json()["results"] == []
    assert stranger.post(f"/discoveries/{found.pk}/decision", {"as": "task"}).status_code == 404


def test_lists_are_filtered_and_paged(mapped, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("smell", "One"), ("bug", "Two"), ("smell", "Three"), by=ada)

    def get(query):
        return [each["title"] for each in api_of(operator).get(f"/discoveries{query}").json()["results"]]

    assert get("") == ["One", "Two", "Three"]
    assert get("?state=open") == ["One", "Three"]
    assert get("?type=bug") == ["Two"]
    assert get(f"?ticket={mapped.key}&limit=1") == ["One"]
    assert get("?project=OMO&type=optimization_opportunity") == []
    assert api_of(operator).get("/discoveries?state=gone").status_code == 422


def test_the_command_lists_and_decides(found, capsys):
    call_command("discoveries", "list", "--state", "open")
    shown = capsys.readouterr().out
    assert f"{found.pk}  {found.ticket.key}  Smell: Old code (by ada; open)" in shown

    call_command("discoveries", "decide", str(found.pk), "task", "--json")
    decided = json.loads(capsys.readouterr().out)
    assert decided["state"] == "task"
    made = Task.objects.get(pk=decided["made_task"])

    call_command("discoveries", "list", found.ticket.key)
    assert f"became {made.key}" in capsys.readouterr().out


def test_the_database_keeps_what_was_found_and_what_was_decided(found, operator):
    for change in ("title = 'x'", "fence = 9", "state = 'task'"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.rows(f"UPDATE tickets_discovery SET {change}")
    Discovery.objects.decide(found.pk, "dismissed", by=operator, reason="no")
    with pytest.raises(DatabaseError, match="it has been decided"), transaction.atomic():
        sql.rows("UPDATE tickets_discovery SET state = 'open'")


def test_an_empty_reason_of_invisible_characters_dismisses_nothing(found, operator):
    with pytest.raises(Invalid):
        Discovery.objects.decide(found.pk, "dismissed", by=operator, reason="\u200b\u2060")
