"""A form that makes something new makes one, however often it is sent."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from agents.models import Event, Member, Project, Reply
from tests.support.concurrency import race
from tests.support.html import squeeze
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 6
TICKET = {"project": "OMO", "title": "Capture payments", "description": "a\r\nb"}
PROJECT = {"key": "PAY", "name": "Payments", "workflow": "simple"}


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


def token(page, path="/new-ticket/"):
    return re.search(r'name="once" value="([^"]+)"', squeeze(page.get(path).content.decode()))[1]


def text(answer):
    return squeeze(answer.content.decode())


@pytest.mark.parametrize(("path", "typed"), [("/new-ticket/", TICKET), ("/new-project/", PROJECT)])
def test_sent_twice_it_makes_one_and_says_the_same(page, project, path, typed):
    form = {**typed, "once": token(page, path)}
    before = Ticket.objects.count() + Project.objects.count()

    first, second = page.post(path, form), page.post(path, form, follow=True)

    assert second.redirect_chain == [(first["Location"], 302)]
    assert text(second).count('class="notice ok') == 1
    assert Ticket.objects.count() + Project.objects.count() == before + 1
    assert Reply.objects.count() == 1


def test_sent_at_the_same_time_it_makes_one(operator, project):
    clients = [Client() for _ in range(AT_ONCE)]
    for client in clients:
        client.force_login(operator)
    form = {**TICKET, "once": token(clients[0])}

    [answers] = race(1, *(lambda _, client=client: client.post("/new-ticket/", form) for client in clients))

    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/tickets/OMO-1/")}
    assert Ticket.objects.count() == 1


def test_changed_since_it_was_sent_it_says_what_it_made_and_keeps_what_is_typed(page, project):
    form = {**TICKET, "once": token(page)}
    page.post("/new-ticket/", form)

    refused = page.post("/new-ticket/", {**form, "title": "Refund payments"})

    assert refused.status_code == 409
    assert "You sent this form before, and have changed it since. OMO-1 is open." in text(refused)
    assert 'href="/tickets/OMO-1/"' in text(refused)
    assert 'value="Refund payments"' in text(refused)
    assert form["once"] not in text(refused)


def test_two_drawn_forms_and_two_people_make_one_each(page, project, django_user_model):
    form = {**TICKET, "once": token(page)}
    page.post("/new-ticket/", form)
    page.post("/new-ticket/", {**form, "once": token(page)})
    bea = django_user_model.objects.create_user("bea")
    Member.objects.create(project=project, user=bea, role="operator")
    page.force_login(bea)

    page.post("/new-ticket/", form)

    assert Ticket.objects.count() == 3


def test_a_refusal_uses_nothing_up_and_is_in_the_journal(page, project):
    form = {**TICKET, "once": token(page)}

    assert page.post("/new-ticket/", {**form, "workflow": "none"}).status_code == 422

    assert Event.objects.filter(kind="ticket.birth_refused").count() == 1
    assert page.post("/new-ticket/", form).status_code == 302


def test_a_script_gets_the_address_and_the_sentence_waits_for_the_page(page, project):
    how = {"HX-Request": "true", "HX-Request-Type": "full"}
    form = {**TICKET, "once": token(page)}

    answer = page.post("/new-ticket/", form, headers=how)

    assert (answer.status_code, answer["Location"]) == (201, "/tickets/OMO-1/")
    assert "OMO-1 is open." in text(page.get("/tickets/OMO-1/"))
