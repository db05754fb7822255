"""Who may open a live socket, and what closes it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus

from collaboration.live.consumers import LiveConsumer
from omoi_site.serving.live_hub import Hub
from omoi_site.serving.request_threads import Threads
from omoi_site.serving.thread_share import ThreadShare
from tests.collaboration.live.test_live import settled
from tests.support.web_process import Page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def viewer(django_user_model):
    return django_user_model.objects.create_user("vera", password=None)


@pytest.mark.parametrize(
    "origin", [None, "null", "http://127.0.0.1:1", "http://evil.example", "https://127.0.0.1"]
)
def test_a_page_of_another_origin_is_refused(web, operator, origin):
    with pytest.raises(InvalidStatus) as refused:
        web.page(operator, origin=origin)
    assert refused.value.response.status_code == 403


def test_a_host_that_is_not_ours_is_refused(web, operator):
    with pytest.raises(InvalidStatus) as refused:
        web.page(operator, origin="http://evil.example", additional_headers={"Host": "evil.example"})
    assert refused.value.response.status_code == 403


def closed(page: Page) -> tuple[int, str]:
    """With which code and reason the server closes."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            page.socket.recv(10)
    return page.socket.close_code or 0, page.socket.close_reason or ""


def test_without_a_session_the_door_stays_shut(web):
    with pytest.raises(InvalidStatus) as refused:
        web.page()
    assert refused.value.response.status_code == 403


def test_a_person_who_was_deactivated_is_sent_out_at_the_next_check(web, viewer, project):
    page = web.page(viewer)
    page.follow("project:OMO")
    viewer.is_active = False
    viewer.save()
    page.socket.send('{"topics": ["project:OMO"]}')
    assert closed(page) == (4401, "you are signed out; sign in again")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "[" * 5000,
        '{"topics": "project:OMO"}',
        '{"topics": [1]}',
        '{"cursor": "x"}',
        '{"topics": [], "cursor": 5}',
        b"{}",
    ],
)
def test_what_no_page_says_closes_the_socket_with_the_reason(web, operator, message):
    page = web.page(operator)
    page.socket.send(message)
    code, reason = closed(page)
    assert code == 4400
    assert reason


def test_a_message_of_more_than_64_kib_closes_the_socket(web, operator):
    page = web.page(operator)
    page.socket.send("x" * 70_000)
    assert closed(page)[0] == 1009


def test_topics_and_messages_are_counted(web, operator):
    page = web.page(operator)
    page.socket.send(json.dumps({"topics": [f"ticket:OMO-{number}" for number in range(1001)]}))
    assert closed(page)[0] == 4400
    page = web.page(operator)
    for _ in range(61):
        page.socket.send("{}")
    assert closed(page)[0] == 4429


def test_a_topic_no_database_text_can_hold_is_passed_over(web, operator, project):
    settled(web.page(operator))
    page = web.page(operator)
    assert page.follow("project:\ud800", "project:\0", "project:OMO") == []


def test_a_socket_that_is_refused_is_in_the_log():
    threads = Threads(1)
    threads.start()

    async def asked():
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "http_version": "1.1",
            "raw_path": b"/ws/live/",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"origin", b"http://localhost")],
            "client": ("192.0.2.7", 1),
        }
        page = ApplicationCommunicator(
            LiveConsumer.as_asgi(hub=Hub(), threads=ThreadShare(threads, 1)), scope
        )
        await page.send_input({"type": "websocket.connect"})
        return (await page.receive_output(5))["type"]

    with capture_logs() as lines:
        assert asyncio.run(asked()) == "websocket.close"
    threads.stop()

    assert [(line["event"], line["address"], line["reason"]) for line in lines] == [
        ("socket_refused", "192.0.2.7", "you are signed out; sign in again")
    ]
