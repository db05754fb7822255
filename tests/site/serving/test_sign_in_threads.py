"""Passwords are hashed in separate threads, so that sign-ins do not delay other requests."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, transaction

from agents.models import Key, SignInTry
from omoi_site.serving.sign_in_threads import AT_ONCE, WAITING, hashes_a_password
from tests.support.wait import until
from tests.support.web_process import Web

pytestmark = pytest.mark.django_db(transaction=True)

LOOPS = 12
TOKEN = "a" * 32
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={TOKEN}"}


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker):
    web = Web(FORWARDED_ALLOW_IPS="127.0.0.1", OMOI_THREADS="2")
    yield web
    web.stop()


def asked(web, method, path, body=None, **headers):
    link = http.client.HTTPConnection(web.host, timeout=30)
    link.request(method, path, body, headers)
    answer = link.getresponse()
    text = answer.read()
    link.close()
    return answer, text


def health(web):
    return json.loads(asked(web, "GET", "/healthz")[1])


def form(name="admin"):
    return urlencode({"username": name, "password": "not it, or so one hopes", "csrfmiddlewaretoken": TOKEN})


def tried(web, address, name="admin"):
    return asked(web, "POST", "/login/", form(name), **FORM, **{"X-Forwarded-For": address})


class Try:
    """A password on a connection of its own, not waited for."""

    def __init__(self, web, address: str) -> None:
        self.link = http.client.HTTPConnection(web.host, timeout=30)
        self.link.request("POST", "/login/", form(), {**FORM, "X-Forwarded-For": address})

    def status(self) -> int:
        answer = self.link.getresponse()
        answer.read()
        self.link.close()
        return answer.status


@pytest.mark.full
def test_twelve_loops_of_passwords_take_no_request_thread(web, operator, project):
    """The operator has no password, but Django hashes anyway, so that nobody learns who has one."""
    key, over = Key.objects.issue(user=operator, by="system:tests")[1], threading.Event()
    statuses: list[int] = []

    def loop(number):
        while not over.is_set():
            statuses.append(tried(web, f"192.0.2.{number}", name=f"name{len(statuses) // 5}")[0].status)

    loops = [threading.Thread(target=loop, args=(number,), daemon=True) for number in range(LOOPS)]
    for thread in loops:
        thread.start()
    took = []
    try:
        until(lambda: health(web)["signing_in"] == LOOPS)
        for _ in range(40):
            found = health(web)
            assert found["busy"] <= 1, found  # a request thread may be giving memory back
            began = time.monotonic()
            assert asked(web, "GET", "/api/v1/projects", Authorization=f"Bearer {key}")[0].status == 200
            took.append(time.monotonic() - began)
        signing_in = health(web)["signing_in"]
    finally:
        over.set()
        for thread in loops:
            thread.join(30)

    print(
        f"reads: median {statistics.median(took) * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms;"
        f" {len(statuses)} passwords looked at"
    )
    assert signing_in
    assert set(statuses) <= {422, 429}


@pytest.mark.full
def test_a_full_line_is_refused_at_once_and_no_address_fills_it(web, operator, project):
    key = Key.objects.issue(user=operator, by="system:tests")[1]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE agents_signintry")  # the one thread stands before it
        held = [Try(web, "192.0.2.1") for _ in range(AT_ONCE)]
        until(lambda: health(web)["signing_in"] == AT_ONCE)

        answer, text = tried(web, "192.0.2.1")
        assert (answer.status, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (
            429,
            "1",
            "no-store",
        )
        assert b"Too many sign-ins at once" in text

        for number in range(2, WAITING):
            if health(web)["signing_in"] < 1 + WAITING:
                held += [Try(web, f"192.0.2.{number}") for _ in range(AT_ONCE)]
        until(lambda: health(web)["signing_in"] == 1 + WAITING)
        answer, _ = tried(web, "192.0.2.99")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")

        until(lambda: health(web)["busy"] == 0)  # a request thread may be giving memory back
        assert asked(web, "GET", "/api/v1/projects", Authorization=f"Bearer {key}")[0].status == 200
        assert asked(web, "GET", "/login/")[0].status == 200
    assert {one.status() for one in held} <= {422, 429, 503}
    until(lambda: health(web)["signing_in"] == 0)


@pytest.mark.full
def test_nobody_gets_another_address_by_saying_so(operator):
    web = Web()  # which trusts no proxy
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE agents_signintry")
            held = [Try(web, f"192.0.2.{number}") for number in range(AT_ONCE)]
            until(lambda: health(web)["signing_in"] == AT_ONCE)
            assert tried(web, "192.0.2.99")[0].status == 429
        assert [one.status() for one in held] == [422] * AT_ONCE
        assert set(SignInTry.objects.values_list("address", flat=True)) == {"127.0.0.1"}
    finally:
        web.stop()


def test_every_address_that_hashes_a_password_goes_to_those_threads(client, operator, settings):
    """It sends each form with a password; the hasher records the thread it runs in."""
    hashed = set()

    class Telling(PBKDF2PasswordHasher):
        iterations = 1

        def encode(self, *given):
            hashed.add(here)
            return super().encode(*given)

    globals()["Telling"] = Telling
    settings.PASSWORD_HASHERS = [f"{__name__}.Telling"]
    new = "quite a long new one"
    here = ""
    operator.set_password("the old one, long")
    operator.save()
    client.force_login(operator)
    for here, fields in {
        "/admin/auth/user/add/": {
            "username": "vera",
            "password1": new,
            "password2": new,
            "usable_password": "true",
        },
        f"/admin/auth/user/{operator.pk}/password/": {
            "password1": new,
            "password2": new,
            "usable_password": "true",
        },
        "/admin/password_change/": {
            "old_password": new,
            "new_password1": new + "!",
            "new_password2": new + "!",
        },
        "/logout/": {},
        "/login/": {"username": "admin", "password": new},
    }.items():
        client.post(here, fields)

    doors = {path for path in hashed if path}
    assert len(doors) == 4
    for path in doors:
        assert hashes_a_password({"type": "http", "method": "POST", "path": path}), path
    for method, path in (
        ("GET", "/login/"),
        ("POST", "/api/v1/claims"),
        ("POST", "/admin/auth/user/"),
        ("POST", "/logout/"),
    ):
        assert not hashes_a_password({"type": "http", "method": method, "path": path}), path
