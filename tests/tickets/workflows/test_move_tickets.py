"""Several tickets change their version, on the page and by command: each has an answer of its own."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from tests.factories import submit
from tests.support.html import squeeze
from tests.tickets.ticket.test_version_change import GATE, REVIEWED, document, now
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tickets(project, operator, ada):
    """Three tickets on version 1: in PLAN; in WORK with its report; in WORK without one. Version 3 has no
    PLAN.
    """
    first = Workflow.objects.install(document(), by=operator)
    project.workflows = ["work"]
    project.save()
    made = [Ticket.objects.open(project, TicketSpec(f"t{n}", workflow=first), by=operator) for n in range(3)]
    for ticket in made[1:]:
        Ticket.objects.move(ticket.pk, "WORK", by=operator)
    submit(now(made[1]), "report", b"done", by=ada)
    Workflow.objects.install(document(gate=REVIEWED), by=operator)
    Workflow.objects.install(document("WORK", "DONE", gate=GATE), by=operator)
    return made


def run(*words):
    out = StringIO()
    try:
        call_command("workflows", "move-tickets", *words, "--json", stdout=out)
    except SystemExit as ended:
        return ended.code, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def versions(tickets):
    return [now(ticket).workflow.version for ticket in tickets]


def test_the_command_says_first_what_would_become_of_each(tickets):
    status, told = run("work", "--dry-run")
    assert status == 0
    assert [(row["ticket"], row["opens"]) for row in told["tickets"]] == [
        ("OMO-1", False),
        ("OMO-2", True),
        ("OMO-3", False),
    ]
    assert "does not exist in version 3" in told["tickets"][0]["refused"]
    assert versions(tickets) == [1, 1, 1]


def test_one_that_is_refused_does_not_stop_the_others(tickets):
    status, told = run("work", "--reason", "the plan is made elsewhere")
    assert status == 1
    assert [bool(row["refused"]) for row in told["tickets"]] == [True, False, False]
    assert versions(tickets) == [1, 3, 3]
    assert run("work", "OMO-1", "--to", "2")[0] == 0
    assert versions(tickets) == [2, 3, 3]


def test_the_page_lists_previews_and_changes(tickets, client, operator):
    client.force_login(operator)
    at = "/workflows/work/tickets/"
    assert f'href="{at}"' in client.get("/workflows/work/").content.decode()
    assert "version 1" in squeeze(client.get(at).content.decode())

    shown = squeeze(client.get(f"{at}?to=3&ticket=OMO-1&ticket=OMO-2&ticket=OMO-3").content.decode())
    assert "OMO-1 stands in Plan, which does not exist in version 3." in shown
    assert ("Gate opens" in shown, "Gate stays closed" in shown) == (True, True)
    assert "Its gate would still need: Report submitted." in shown
    assert "Change 2 tickets" in shown
    assert versions(tickets) == [1, 1, 1]

    done = client.post(at, {"to": "3", "ticket": ["OMO-1", "OMO-2"], "reason": "agreed"})
    assert "On version 3" in squeeze(done.content.decode())
    assert versions(tickets) == [1, 3, 1]
    refused = client.post(at, {"to": "3", "ticket": ["OMO-3"], "reason": "x" * 9_000})
    assert (refused.status_code, "x" * 9_000 in refused.content.decode()) == (422, True)
    assert client.get(f"{at}?to=9").status_code == 404
    assert versions(tickets) == [1, 3, 1]


def test_the_list_takes_as_many_statements_for_many_tickets_as_for_one(tickets, client, operator, project):
    def visit():
        with CaptureQueriesContext(connection) as asked:
            shown = client.get("/workflows/work/tickets/").content.decode()
        return shown.count('name="ticket"'), len(asked)

    client.force_login(operator)
    first = Workflow.objects.version("work", 1)
    visit()
    few, statements = visit()
    for number in range(10):
        Ticket.objects.open(project, TicketSpec(f"more {number}", workflow=first), by=operator)

    assert visit() == (few + 10, statements)


def test_only_an_administrator_of_the_project_changes_and_others_tickets_are_not_seen(
    tickets, client, django_user_model, project
):
    at = "/workflows/work/tickets/"
    person = django_user_model.objects.create_user("eve")
    client.force_login(person)
    # the address of the page, which the links to sign in name, has what eve wrote herself
    shown = client.get(f"{at}?ticket=OMO-2").content.decode().replace("ticket%3DOMO-2", "")
    assert "OMO-2" not in shown
    client.post(at, {"to": "3", "ticket": ["OMO-2"]})
    Member.objects.create(project=project, user=person, role="operator")
    assert "You need the role of an administrator" in client.get(f"{at}?ticket=OMO-2").content.decode()
    client.post(at, {"to": "3", "ticket": ["OMO-2"]})
    assert versions(tickets) == [1, 1, 1]
