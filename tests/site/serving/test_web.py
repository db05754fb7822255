"""`manage.py web` on bad days: the database away, every thread taken, the end."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import time

import pytest
from django.db import connection, transaction
from django.test import Client
from websockets.exceptions import ConnectionClosed

from omoi_site.database import sql
from tests.support import cluster
from tests.support.wait import until
from tests.support.web_process import Web, narrow_end, narrow_listener, write_events

pytestmark = pytest.mark.django_db(transaction=True)


def get(web, path, **headers):
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=10)) as link:
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        return answer.status, answer.headers, answer.read()


@pytest.fixture
def cookie(operator):
    client = Client()
    client.force_login(operator)
    return f"sessionid={client.cookies['sessionid'].value}"


@pytest.mark.full
def test_without_a_database_the_answer_is_come_again_and_not_that_we_are_broken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = taken.getsockname()[1]
    web = Web(DATABASE_URL=f"postgresql://omoi:x@127.0.0.1:{nowhere}/omoi")
    try:
        for path, headers in [
            ("/admin/", {"Cookie": "sessionid=" + "a" * 32}),
            ("/api/v1/tickets", {"Authorization": "Bearer omoi_deadbeef_" + "a" * 43}),
        ]:
            status, answer, body = get(web, path, **headers)
            assert (status, answer["Retry-After"]) == (503, "1"), body
        assert json.loads(body)["code"] == "database_away"
    finally:
        web.stop()


@pytest.mark.full
def test_after_the_database_was_restarted_no_request_fails(web, cookie):
    for _ in range(20):
        assert get(web, "/admin/", Cookie=cookie)[0] == 200
    assert cluster.end_sessions()

    for _ in range(20):
        assert get(web, "/admin/", Cookie=cookie)[0] == 200


@pytest.mark.full
def test_whoever_asks_much_at_once_and_leaves_is_no_error():
    web = Web()
    for path in ("/healthz", "/readyz", "/login/"):
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", web.port), timeout=10) as end:
                end.sendall(f"GET {path} HTTP/1.1\r\nHost: {web.host}\r\n\r\n".encode() * 100)
                assert end.recv(500)
    assert get(web, "/readyz")[0] in (200, 503)
    web.process.send_signal(signal.SIGTERM)
    log = web.process.communicate(timeout=15)[1]
    assert "Exception in ASGI" not in log


@pytest.mark.full
def test_health_answers_while_every_thread_is_taken(cookie):
    web = Web(OMOI_THREADS="1")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE django_session")
            waiting = http.client.HTTPConnection(web.host, timeout=10)
            waiting.request("GET", "/admin/", headers={"Cookie": cookie})
            until(lambda: sql.rows("SELECT pid FROM pg_locks WHERE NOT granted"))
            for path in ("/healthz", "/readyz"):
                began = time.monotonic()
                assert get(web, path)[0] in (200, 503)
                assert time.monotonic() - began < 2
        assert waiting.getresponse().status == 200
        waiting.close()
    finally:
        web.stop()


@pytest.mark.full
def test_a_stop_is_announced_served_through_and_then_done(operator, project, cookie):
    web = Web(OMOI_DRAIN_S="4")
    page = web.page(operator)
    page.follow("project:OMO")
    began = time.monotonic()
    web.process.send_signal(signal.SIGTERM)

    until(lambda: json.loads(get(web, "/readyz")[2])["checks"]["draining"], seconds=3)
    assert get(web, "/readyz")[0] == 503
    assert get(web, "/healthz")[0] == 200
    assert get(web, "/admin/", Cookie=cookie)[0] == 200
    with contextlib.suppress(ConnectionClosed):
        page.next()
    assert page.socket.close_code == 1012
    web.process.communicate(timeout=30)
    assert 4 <= time.monotonic() - began < 15


@pytest.mark.full
def test_a_page_that_does_not_read_does_not_hold_up_the_end(operator, project):
    with narrow_listener() as listener:
        web = Web(listener, OMOI_DRAIN_S="0.2")
    topics = [f"ticket:OMO-{number:0100}" for number in range(200)]
    deaf, page = web.page(operator, sock=narrow_end(web.port)), web.page(operator)
    deaf.follow(*topics)
    page.follow(topics[-1])
    for _ in range(20):
        write_events(project.pk, topics)
        page.next()
    began = time.monotonic()
    web.stop()
    assert time.monotonic() - began < 5
