"""The check http connects only where Omoi may, and no answer of a service can hold a worker up."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from tests.support.http_service import Service, service
from tickets.gates.checks.http import http_check
from tickets.gates.work import Question
from tickets.models import Workflow
from tickets.workflows.document import InvalidWorkflow


def answer(url: str, **needs: Any) -> tuple[str, dict[str, Any]]:
    answered = http_check(
        Question(1, "OMO-1", "Payments", "WORK", {"url": url, "timeout_s": 1, **needs}, [], [])
    )
    return (answered.reasons[0].code if answered.reasons else ""), answered.result


def test_an_answer_is_kept():
    with service() as url:
        code, kept = answer(url, contains="well")

    assert code == ""
    assert (kept["address"], kept["status"], kept["bytes"]) == ("127.0.0.1", 200, 11)
    assert len(kept["body_sha256"]) == 64


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "169.254.169.254",
        "10.0.0.1",
        "[::ffff:127.0.0.1]",
    ],
)
def test_addresses_that_only_the_server_can_reach_are_refused(host):
    with service(allowed=False) as url:
        port = url.rpartition(":")[2].partition("/")[0]
        code, kept = answer(f"http://{host}:{port}/health")

    assert code in ("address_refused", "host_unknown")
    assert kept == {}
    assert Service.asked == []


def test_a_redirect_is_not_followed():
    with service() as url:
        Service.status, Service.headers_ = 302, {"Location": url.replace("/health", "/secret")}

        assert answer(url)[0] == "http_status"
        assert answer(url, status=302)[0] == ""

    assert set(Service.asked) == {"/health"}


def test_an_answer_of_any_size_and_speed_ends():
    began = time.monotonic()
    with service() as url:
        Service.body = b"x" * (3 << 20)
        assert answer(url)[0] == "http_too_large"
        Service.body = b"x" * 1_000
        Service.slow.set()
        assert answer(url)[0] == "http_too_slow"

    assert time.monotonic() - began < 8


@pytest.mark.full
def test_looking_up_the_name_and_connecting_share_one_deadline(monkeypatch):
    """A service whose name is found late, and which then takes no connection."""
    look_up, connect, given = socket.getaddrinfo, socket.create_connection, []

    def found_late(*args: Any, **more: Any) -> Any:
        threading.Event().wait(0.8)
        return look_up(*args, **more)

    def connected(address: Any, timeout: float) -> socket.socket:
        given.append(timeout)
        return connect(address, timeout=timeout)

    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, service():
        waiting = [socket.socket() for _ in range(3)]
        for link in waiting:
            link.setblocking(False)
            link.connect_ex(full.getsockname())
        monkeypatch.setattr(socket, "getaddrinfo", found_late)
        monkeypatch.setattr(socket, "create_connection", connected)

        code, _ = answer(f"http://localhost:{full.getsockname()[1]}/")

        for link in waiting:
            link.close()

    assert code == "http_too_slow"
    assert given
    assert max(given) <= 0.2


@pytest.mark.full
def test_a_service_that_never_shakes_hands_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent, service():
        assert answer(f"https://127.0.0.1:{silent.getsockname()[1]}/")[0] == "http_too_slow"


@pytest.mark.full
def test_what_is_no_http_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as silent, service() as url:
        port = silent.getsockname()[1]
        assert answer(f"http://127.0.0.1:{port}/")[0] == "http_too_slow"
        assert answer(url.replace("http:", "https:"))[0] == "http_unreachable"
    assert answer(url)[0] in ("http_unreachable", "address_refused")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:secret@example.org/", "a name or a password"),
        ("file:///etc/passwd", "must be like"),
        ("http://", "must be like"),
        ("http://example.org:99999/", "is not an address"),
        ("http:///path", "names no host"),
    ],
)
def test_such_an_address_cannot_stand_in_a_workflow(url, why):
    phases = [
        {"name": "WORK", "to": ["DONE"], "gate": [{"check": "http", "url": url}]},
        {"name": "DONE", "to": []},
    ]

    with pytest.raises(InvalidWorkflow, match=why):
        Workflow.objects.checked({"name": "asks", "phases": phases})
