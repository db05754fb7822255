"""What may be used once works only once, however many use it at the same time."""

from __future__ import annotations

import pytest
from django.test import Client

from agents.models import Agent, Event, Key, Project, Reply
from agents.models.sign_in import one_time_path
from omoi_site.database import sql, startup
from tests.support.api_client import Api
from tests.support.concurrency import race

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 8


def statuses(answers):
    return sorted(answer.status_code for answer in answers)


def apart(user):
    """As many clients with one key."""
    key = Key.objects.issue(user=user, by="system:tests")[1]
    return [Api(key) for _ in range(AT_ONCE)]


def test_of_eight_parallel_uses_of_a_link_one_signs_in(operator):
    path = one_time_path(operator)
    clients = [Client() for _ in range(AT_ONCE)]

    [answers] = race(1, *(lambda _, client=client: client.post(path) for client in clients))

    assert statuses(answers) == [302] + [410] * (AT_ONCE - 1)
    assert sum("sessionid" in client.cookies for client in clients) == 1


def test_a_link_made_within_the_second_of_a_sign_in_works_once_too(client, operator):
    client.post(one_time_path(operator))
    operator.refresh_from_db()
    path = one_time_path(operator)

    assert client.post(path).status_code == 302
    assert client.post(path).status_code == 410


def test_a_link_whose_sign_in_broke_off_is_not_used_up(operator, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    path = one_time_path(operator)
    with monkeypatch.context() as patch:
        patch.setattr("agents.pages.views.login", broken)
        assert Client(raise_request_exception=False).post(path).status_code == 500

    assert Client().post(path).status_code == 302


def test_first_starts_at_the_same_time_make_one_operator(django_user_model):
    def first(turn):
        return startup.operator() if turn else sql.rows("SELECT 1")  # once each is connected

    made = race(2, *[first] * AT_ONCE)[1]

    assert made == [django_user_model.objects.get()] * AT_ONCE


def test_a_key_is_revoked_once(operator, ada):
    key, _ = Key.objects.issue(by=operator, agent=ada)

    [revoked] = race(1, *[lambda _: Key.objects.filter(pk=key.pk).revoke(by=operator)] * AT_ONCE)

    assert sorted(revoked) == [[]] * (AT_ONCE - 1) + [[key.prefix]]
    assert Event.objects.filter(kind="key.revoked").count() == 1


def test_one_idempotency_key_makes_one_agent_and_shows_one_key(operator, project):
    calls = apart(operator)
    body = {"name": "eve", "projects": ["OMO"]}

    [answers] = race(1, *(lambda _, api=api: api.post("/agents", body, Idempotency_Key="a") for api in calls))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["key"] for answer in answers if answer.status_code == 201}) == 1
    assert (
        Agent.objects.filter(name="eve").count()
        == Key.objects.filter(agent__name="eve").count()
        == Reply.objects.count()
        == 1
    )


@pytest.mark.parametrize(
    ("path", "body", "made"),
    [
        ("/agents", {"name": "eve", "projects": ["OMO"]}, lambda: Agent.objects.filter(name="eve")),
        ("/projects", {"key": "TWO"}, lambda: Project.objects.filter(key="TWO")),
    ],
)
def test_a_name_taken_at_the_same_time_is_refused_in_words(operator, project, path, body, made):
    calls = apart(operator)

    [answers] = race(1, *(lambda _, api=api: api.post(path, body) for api in calls))

    assert statuses(answers) == [201] + [422] * (AT_ONCE - 1)
    assert made().count() == 1
