"""The limits of one client in a web process: no large body before its key is checked, and a maximum of
everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from agents.models import Key, Member
from tests.support.long_poll import Poll
from tests.support.wait import until
from tests.support.web_process import Web

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1 << 20


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker):
    web = Web(OMOI_BODY_MIB="3", OMOI_WAITS="2", OMOI_CONNECTIONS="12", FORWARDED_ALLOW_IPS="127.0.0.2")
    yield web
    web.stop()


@pytest.fixture
def at(ticket):
    return f"/api/v1/tickets/{ticket.key}/artifacts"


def bearer(**whose):
    return f"Bearer {Key.objects.issue(by='system:tests', **whose)[1]}"


class Upload:
    """A body of which only the first part comes."""

    def __init__(self, web, path, length=2 * MIB, sent=0, source="127.0.0.1", **headers):
        self.end = socket.create_connection(("127.0.0.1", web.port), timeout=20, source_address=(source, 0))
        named = {
            "Host": web.host,
            "Content-Type": "multipart/form-data; boundary=B",
            "Content-Length": length,
            **headers,
        }
        lines = "".join(
            f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items() if value is not None
        )
        self.end.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + bytes(sent))

    def answer(self) -> tuple[int, str, dict]:
        text = b""
        while b"\r\n\r\n" not in text:
            piece = self.end.recv(65536)
            assert piece, text
            text += piece
        head, _, body = text.decode().partition("\r\n\r\n")
        length = int(head.lower().partition("content-length: ")[2].split()[0])
        while len(body) < length:
            body += self.end.recv(65536).decode()
        return int(head[9:12]), head, json.loads(body) if body.startswith("{") else {}

    def close(self):
        self.end.close()


def spooled(web) -> int:
    """Bytes of files without a name that the process has open."""
    total = 0
    for link in Path(f"/proc/{web.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if "(deleted)" in os.readlink(link):
                total += link.stat().st_size
    return total


@pytest.mark.parametrize("headers", [{}, {"length": None, "Transfer_Encoding": "chunked"}])
def test_without_a_key_a_body_is_refused_before_it_is_kept(web, at, headers):
    upload = Upload(web, at, **headers)
    if headers:
        upload.end.sendall(b"40000\r\n" + bytes(0x40000))
    status, head, told = upload.answer()
    assert (status, told["code"]) == (401, "unauthorized")
    assert "www-authenticate: bearer" in head.lower()
    assert spooled(web) == 0
    upload.close()


def test_a_key_without_the_scope_is_refused_before_its_body_is_read(
    web, at, operator, django_user_model, project
):
    viewer = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=viewer, role=Member.Role.VIEWER)
    for key, code in (
        (bearer(user=operator, scopes=["gates:decide"]), "forbidden"),
        (bearer(user=viewer), "forbidden"),
        ("Bearer no", "unauthorized"),
    ):
        upload = Upload(web, at, Authorization=key)
        assert upload.answer()[2]["code"] == code
        upload.close()


def test_whoever_is_refused_for_their_key_can_write_all_before_reading(web, at):
    upload = Upload(web, at, length=60 * MIB)
    for _ in range(60):
        upload.end.sendall(bytes(MIB))
    assert upload.answer()[0] == 401
    assert upload.end.recv(1) == b""  # closed, not reset
    upload.close()


def test_a_client_that_asks_first_is_not_told_to_go_on(web, at):
    upload = Upload(web, at, Expect="100-continue")
    assert upload.answer()[0] == 401
    upload.close()


def test_of_pages_only_who_is_signed_in_sends_large_bodies(web, operator):
    upload = Upload(web, "/board/", length=MIB // 2, Content_Type="application/x-www-form-urlencoded")
    assert upload.answer()[0] == 403
    upload.close()
    upload = Upload(web, "/login/", length=MIB // 2, Content_Type="application/x-www-form-urlencoded")
    assert upload.answer()[0] == 413
    upload.close()


def test_one_principal_holds_so_many_bytes_and_others_are_not_in_the_way(web, at, operator, ada):
    mine = bearer(user=operator)
    first = Upload(web, at, sent=3 * MIB // 2, Authorization=mine)
    until(lambda: spooled(web) > MIB)
    status, head, told = Upload(
        web, at, Authorization=bearer(user=operator)
    ).answer()  # another key of the same person
    assert (status, told["code"]) == (429, "limit_reached")
    assert "retry-after: 1" in head.lower()

    second = Upload(web, at, sent=3 * MIB // 2, Authorization=bearer(agent=ada, scopes=["tickets:write"]))
    until(lambda: spooled(web) > 2 * MIB)
    first.close()
    second.close()
    until(lambda: spooled(web) == 0)
    last = Upload(web, at, sent=2 * MIB, Authorization=mine)
    assert last.answer()[0] == 400  # read, and no form
    last.close()


def test_one_principal_waits_so_often_on_sockets_and_polls_together(web, ada, bob, operator):
    key = bearer(agent=ada).split()[1]
    polls = [Poll(web.port, key, wait_s=20) for _ in range(2)]
    until(lambda: waiting(web) == 2)
    third = Poll(web.port, bearer(agent=ada).split()[1], wait_s=20)
    assert third.answer()[0] == 429
    other = Poll(web.port, bearer(agent=bob).split()[1], wait_s=0.1)
    assert other.answer()[0] == 204
    del polls

    pages = [web.page(operator) for _ in range(2)]
    with pytest.raises(InvalidStatus) as refused:
        web.page(operator)
    assert (refused.value.response.status_code, refused.value.response.headers["Retry-After"]) == (429, "1")
    assert json.loads(refused.value.response.body)["code"] == "limit_reached"
    pages.pop().close()

    def again():
        with contextlib.suppress(InvalidStatus):
            return web.page(operator)

    until(again).close()
    pages.pop().close()


def waiting(web) -> int:
    return httpx.get(f"http://{web.host}/healthz").json()["waiting"]


def test_sockets_are_counted_by_address_and_a_trusted_proxy_is_none(web, operator):
    own = [Upload(web, "/healthz", length=0, source="127.0.0.3") for _ in range(12)]
    assert [upload.answer()[0] for upload in own] == [200] * 12
    refused = Upload(web, "/healthz", length=0, source="127.0.0.3")
    assert refused.answer()[0] == 429
    behind = [
        Upload(web, "/healthz", length=0, source="127.0.0.2", X_Forwarded_For=f"192.0.2.{number}")
        for number in range(20)
    ]
    assert [upload.answer()[0] for upload in behind] == [200] * 20
    for upload in [*own, *behind, refused]:
        upload.close()


def test_clients_behind_a_proxy_are_bounded_each(web, at):
    def behind(address):
        return Upload(web, at, length=1000, source="127.0.0.2", X_Forwarded_For=address)

    held = [behind("192.0.2.1") for _ in range(12)]
    one_more = behind("192.0.2.1")
    assert one_more.answer()[0] == 429
    other = behind("192.0.2.2")
    other.end.sendall(bytes(1000))
    assert other.answer()[0] == 401
    for upload in [*held, one_more, other]:
        upload.close()


@pytest.mark.full
def test_a_live_socket_counts_for_its_address_until_it_ends(web, operator):
    pages = [web.page(operator) for _ in range(2)]
    rest = [Upload(web, "/healthz", length=0) for _ in range(10)]
    assert [upload.answer()[0] for upload in rest] == [200] * 10
    refused = Upload(web, "/healthz", length=0)
    assert refused.answer()[0] == 429
    for page in pages:
        page.close()
    for upload in [*rest, refused]:
        upload.close()

    def open_again():
        upload = Upload(web, "/healthz", length=0)
        try:
            return upload.answer()[0] == 200
        finally:
            upload.close()

    until(open_again)
