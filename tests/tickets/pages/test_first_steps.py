"""The first steps of an empty installation, as a person without script takes them."""

from __future__ import annotations

import re

import pytest

from agents.models import Agent, Project
from tests.support.api_client import Api
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


def token_in(page):
    return re.search(r'name="once" value="([^"]+)"', page.content.decode())[1]


def test_they_lead_from_nothing_to_a_ticket_on_the_board(client, operator):
    client.force_login(operator)
    empty = client.get("/")
    assert "Create a project" in empty.content.decode()

    form = {"act": "project", "key": "pay", "name": "Payments", "once": token_in(empty)}
    made = [client.post("/first-steps/", form, follow=True) for _ in range(2)]
    assert made[0].redirect_chain == made[1].redirect_chain
    assert Project.objects.get().key == "PAY"
    assert "Go on with the first steps" in client.get("/").content.decode()

    agent = {"act": "agent", "project": "PAY", "agent": "Ada", "capabilities": "python, sql"}
    registered = client.post("/first-steps/", agent)
    key = re.search(r"omoi_\w+_[\w-]+", registered.content.decode())[0]
    assert Api(key).get("/agents/me").json()["name"] == "ada"
    assert key not in client.get("/first-steps/").content.decode()
    again = client.post("/first-steps/", agent)
    assert again.status_code == 409 or again.status_code == 422
    assert "keys create --agent ada" in again.content.decode()
    assert Agent.objects.get().capabilities == ["python", "sql"]

    step = client.get("/first-steps/?project=PAY")
    ticket = {"act": "ticket", "project": "PAY", "title": "Refunds", "once": token_in(step)}
    opened = [client.post("/first-steps/", ticket, follow=True) for _ in range(2)]
    assert opened[0].redirect_chain == opened[1].redirect_chain == [("/board/?project=PAY", 302)]
    assert Ticket.objects.get().title == "Refunds"
    done = client.get("/first-steps/").content.decode()
    assert "Go to the board" in done
    assert "<form" not in done.partition('id="main"')[2].partition("</main>")[0]


def test_a_refused_step_keeps_what_was_typed(client, operator):
    client.force_login(operator)

    refused = client.post("/first-steps/", {"act": "project", "key": "1", "name": "Shop"})

    assert refused.status_code == 422
    assert 'value="Shop"' in refused.content.decode()
    assert client.post("/first-steps/", {"act": "?"}).status_code == 404


def test_who_may_not_begin_is_told_whom_to_ask(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("eve"))

    assert "not a member of any project" in client.get("/").content.decode()
    page = client.get("/first-steps/").content.decode()
    assert "Only an operator of this installation creates projects" in page
    assert client.post("/first-steps/", {"act": "project", "key": "PAY"}).status_code == 403
