"""Sign-ins and refusals are in the log and, for known principals, in the journal. An unused session ends."""

from __future__ import annotations

import io
import logging
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from structlog.testing import capture_logs

from agents.models import Event, Key, Member, access_log
from agents.models.access_log import MOST, Allowance
from agents.models.account import forget_sessions
from agents.models.sign_in import one_time_path
from tests.support.api_client import Api, api_of

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough one"


@pytest.fixture(autouse=True)
def fresh(settings, monkeypatch):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(access_log, "in_log", Allowance())
    monkeypatch.setattr(access_log, "in_journal", Allowance())


@pytest.fixture
def person(operator):
    operator.set_password(PASSWORD)
    operator.save()
    return operator


@pytest.fixture
def lines():
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def printed(monkeypatch):
    """What all loggers write to standard error, also those of libraries."""
    [handler] = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    text = io.StringIO()
    monkeypatch.setattr(handler, "stream", text)
    return text


def access_events(*fields):
    """The journal's events of access: kind, topic, actor and some of the data."""
    events = Event.objects.filter(kind__regex="signed|sign_in|refused").order_by("id")
    return [
        (event.kind, event.topic, event.actor, *(event.data.get(field) for field in fields))
        for event in events
    ]


def test_coming_in_failing_and_leaving_are_told_of(client, person, lines):
    client.post("/login/", {"username": "admin", "password": "not it"})
    client.post("/login/", {"username": "admin", "password": PASSWORD})
    client.post("/logout/")
    person.refresh_from_db()
    client.post(one_time_path(person))

    assert access_events("way", "address") == [
        ("user.sign_in_failed", "user:admin", "anonymous", None, "127.0.0.1"),
        ("user.signed_in", "user:admin", "user:admin", "password", "127.0.0.1"),
        ("user.signed_out", "user:admin", "user:admin", None, "127.0.0.1"),
        ("user.signed_in", "user:admin", "user:admin", "link", "127.0.0.1"),
    ]
    assert [event.number for event in Event.objects.filter(subject="user:admin").order_by("id")] == [
        1,
        2,
        3,
        4,
    ]
    assert [(line["event"], line["log_level"], line["who"], line["address"]) for line in lines] == [
        ("sign_in_failed", "warning", "user:admin", "127.0.0.1"),
        ("signed_in", "info", "user:admin", "127.0.0.1"),
        ("signed_out", "info", "user:admin", "127.0.0.1"),
        ("signed_in", "info", "user:admin", "127.0.0.1"),
    ]


def test_of_a_name_nobody_has_only_the_log_tells_and_not_the_name(client, person, lines):
    client.post("/login/", {"username": "my password by mistake", "password": "x"})
    assert access_events() == []
    assert [(line["event"], "who" in line) for line in lines] == [("sign_in_failed", False)]


def test_who_tries_too_often_is_told_of(client, person, lines):
    for _ in range(11):
        client.post("/login/", {"username": "admin", "password": "not it"})
    assert [line["event"] for line in lines] == ["sign_in_failed"] * 10 + ["sign_in_refused"]
    assert access_events()[-1] == ("user.sign_in_refused", "user:admin", "anonymous")


def test_a_refusal_is_told_of_with_who_it_was(ada, operator, project, lines, django_user_model):
    key, text = Key.objects.issue(agent=ada, by=operator)
    Key.objects.filter(pk=key.pk).revoke(by=operator)
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="viewer")
    client = Client()
    client.force_login(vera)

    Api(text).get("/agents/me")
    api_of(ada).post("/projects", {"key": "NEW"})
    client.get("/admin/")
    client.get("/admin/login/")
    Api(text[:-4] + "xxxx").get("/agents/me")
    Api().get("/agents/me")

    assert access_events("status", "method", "path") == [
        ("agent.refused", "agent:ada", "agent:ada", 401, "GET", "/api/v1/agents/me"),
        ("agent.refused", "agent:ada", "agent:ada", 403, "POST", "/api/v1/projects"),
        ("user.refused", "user:vera", "user:vera", 403, "GET", "/admin/login/"),
    ]
    assert [(line["status"], line.get("who")) for line in lines] == [
        (401, "agent:ada"),
        (403, "agent:ada"),
        (403, "user:vera"),
        (401, None),
        (401, None),
    ]


def test_no_password_key_or_token_is_told(client, person, ada, lines, printed):
    key, text = Key.objects.issue(agent=ada, by=person)
    Key.objects.filter(pk=key.pk).revoke(by=person)
    link = one_time_path(person)

    Api(text).get("/agents/me")
    Client(enforce_csrf_checks=True).post(link)  # 403: no token of ours
    client.post("/login/", {"username": PASSWORD, "password": "not it"})
    client.post(link)

    logging.getLogger("some.library").error("it has %s", text)

    everything = str(lines) + str(list(Event.objects.values())) + printed.getvalue()
    assert "Forbidden (CSRF" in printed.getvalue()  # Django's own line, with the address
    for secret in (text, text.split("_", 2)[2], link.split("/")[-2], PASSWORD, "not it"):
        assert secret not in everything
    assert [line["path"] for line in lines if line["event"] == "refused"][-1].endswith("/…/")


def test_a_flood_of_refusals_fills_neither_log_nor_journal(ada, lines):
    calls = api_of(ada)
    for _ in range(100):
        assert calls.post("/projects", {"key": "NEW"}).status_code == 403
    assert len(access_events()) == len(lines) == MOST

    for allowance in (access_log.in_log, access_log.in_journal):
        for used in allowance.used.values():
            used[0] -= 61
    calls.post("/projects", {"key": "NEW"})

    assert access_events("left_out")[-1] == ("agent.refused", "agent:ada", "agent:ada", 100 - MOST)
    assert lines[-1]["left_out"] == 100 - MOST


def test_what_is_remembered_of_a_flood_is_bounded():
    allowance = Allowance()
    for number in range(25_000):
        allowance.take(("refused", number))
    assert len(allowance.used) <= access_log.REMEMBERED


# -- sessions


def left(session):
    return Session.objects.get(pk=session.session_key).expire_date - timezone.now()


def aged(client, **by):
    """The session as if it was last used and saved so long ago."""
    session = client.session
    session["used_at"] = session.get("used_at", int(timezone.now().timestamp())) - int(
        timedelta(**by).total_seconds()
    )
    session.save()
    Session.objects.update(expire_date=timezone.now() + timedelta(hours=12) - timedelta(**by))
    return session


def test_a_session_in_use_goes_on_and_is_written_every_five_minutes_at_most(client, person):
    client.force_login(person)
    client.get("/board/")
    session = aged(client, minutes=4)
    with CaptureQueriesContext(connection) as queries:
        client.get("/board/")
    assert not [query for query in queries if "UPDATE" in query["sql"] and "django_session" in query["sql"]]
    assert left(session) < timedelta(hours=11, minutes=57)

    aged(client, minutes=2)
    answer = client.get("/board/")

    assert left(session) > timedelta(hours=11, minutes=59)
    assert answer.cookies["sessionid"]["max-age"] == 12 * 3600


def test_a_page_that_fetches_itself_does_not_keep_its_session(client, person):
    client.force_login(person)
    client.get("/board/")
    session = aged(client, hours=3)

    client.get("/board/", headers={"HX-Request": "true"})
    assert left(session) < timedelta(hours=9, minutes=1)

    client.get("/board/")
    assert left(session) > timedelta(hours=11)


def test_a_session_nobody_uses_ends(client, person):
    client.force_login(person)
    assert client.get("/board/").status_code == 200
    aged(client, hours=12, seconds=1)

    assert client.get("/board/")["Location"].startswith("/login/")
    assert client.get("/api/v1/projects").status_code == 401


def test_sessions_that_are_over_are_forgotten_in_batches(person):
    for _ in range(5):
        Client().force_login(person)
    Session.objects.filter(pk__in=list(Session.objects.values_list("pk", flat=True)[:4])).update(
        expire_date=timezone.now() - timedelta(1)
    )
    assert [forget_sessions(3), forget_sessions(3), forget_sessions(3)] == [3, 1, 0]
    assert Session.objects.count() == 1


def test_answers_that_hold_a_key_or_a_token_are_kept_by_nobody(client, person, project):
    calls = api_of(person)
    body = {"name": "eve", "projects": ["OMO"]}
    client.get("/login/")
    link = one_time_path(person)
    answers = {
        "made": calls.post("/agents", body, Idempotency_Key="a"),
        "again": calls.post("/agents", body, Idempotency_Key="a"),
        "key": calls.post("/agents/eve/keys", {}, Idempotency_Key="b"),
        "key again": calls.post("/agents/eve/keys", {}, Idempotency_Key="b"),
        "form": client.get("/login/"),
        "failed": client.post("/login/", {"username": "admin", "password": "x"}),
        "link": client.get(link),
        "signed in": client.post(link),
        "used": client.get(link),
    }
    assert answers["again"].headers["Idempotency-Replayed"]
    for name, answer in answers.items():
        assert "no-store" in answer.headers["Cache-Control"], name
