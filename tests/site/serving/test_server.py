"""The port and its bridge to WSGI: no client can hold a thread, and each gets an answer it can read."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.support import ROOT, children
from tests.support.wait import until
from tests.support.web_process import connections, narrow_end, narrow_listener


class Echo:
    """The process of `tests.support.echo_server`; `gate` lets one held request a byte go on."""

    def __init__(self, sockets: int = 2000, errors: Any = None, patience_s: float = 1) -> None:
        holding, self.gate = os.pipe()
        hearing, said = os.pipe()
        with narrow_listener() as listener:
            self.port = listener.getsockname()[1]
            fds = [listener.fileno(), holding]
            self.process = children.start(
                [sys.executable, "-m", "tests.support.echo_server", *map(str, [*fds, sockets, patience_s])],
                cwd=ROOT,
                env={**os.environ, "OMOI_READY_FD": str(said)},
                pass_fds=[*fds, said],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        os.close(holding)
        os.close(said)
        with os.fdopen(hearing) as ready:
            assert ready.readline() == "ready\n"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def raw(self, text: bytes) -> socket.socket:
        end = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        end.sendall(text)
        return end

    def ask(self, path: str, method: str = "GET", **options):
        with contextlib.closing(self.connect()) as link:
            link.request(method, path, **options)
            answer = link.getresponse()
            return answer, answer.read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)
        os.close(self.gate)

    def let_go(self, held: int) -> None:
        os.write(self.gate, b"." * held)


@pytest.fixture(scope="module")
def echo():
    echo = Echo()
    yield echo
    echo.stop()


def read_to_end(end: socket.socket) -> bytes:
    """Everything until the server closes."""
    with end, contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: end.recv(65536), b""))
    return b""


def problem(text: bytes) -> dict:
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return json.loads(body)


@pytest.mark.full
def test_an_upload_that_stalls_is_answered_and_holds_no_thread(echo):
    stalled = [
        echo.raw(b"POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1") for _ in range(8)
    ]

    assert echo.ask("/api/v1/echo")[0].status == 200
    for end in stalled:
        assert problem(text := read_to_end(end))["code"] == "stalled"
        assert text.startswith(b"HTTP/1.1 408 ")


def test_a_body_over_the_limit_is_refused_before_it_is_read(echo):
    text = read_to_end(echo.raw(b"POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"))

    assert text.startswith(b"HTTP/1.1 413 ")
    assert problem(text)["limit_bytes"] == 1 << 20


def test_whoever_sends_on_after_a_refusal_can_still_read_it(echo):
    answer, body = echo.ask(
        "/api/v1/echo",
        "POST",
        body=iter([b"x" * 65536] * 40),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )

    assert answer.status == 413
    assert json.loads(body)["code"] == "too_large"


@pytest.mark.full
def test_whoever_writes_60_mb_before_reading_gets_the_refusal():
    echo = Echo(patience_s=20)  # a busy machine may take its time over so much
    size = 60_000_000
    for head in (b"Content-Length: %d" % size, b"Transfer-Encoding: chunked"):
        with echo.raw(b"POST /api/v1/echo HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % head) as end:
            end.settimeout(60)
            if b"chunked" in head:
                end.sendall(b"%x\r\n" % size)
            for _ in range(size // 1_000_000):
                end.sendall(bytes(1_000_000))
            text = b"".join(iter(lambda end=end: end.recv(65536), b""))  # and no reset
        assert text.startswith(b"HTTP/1.1 413 ")
        assert problem(text)["code"] == "too_large"
    echo.stop()


@pytest.mark.full
def test_a_body_that_trickles_is_given_up_at_its_deadline(echo):
    end, began = (
        echo.raw(b"POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"),
        time.monotonic(),
    )
    while not select.select([end], [], [], 0.2)[0]:
        assert time.monotonic() - began < 8
        end.sendall(b"x")
    text = read_to_end(end)

    assert text.startswith(b"HTTP/1.1 408 ")
    assert "within 3 s" in problem(text)["detail"]
    assert 2.5 < time.monotonic() - began < 8


MUCH = b"x" * (65 << 10)


@pytest.mark.parametrize(
    "head",
    [b"X-Much: " + MUCH, b"\r\n".join(b"X-%d: 1234567" % n for n in range(5000)), b"Cookie: " + MUCH * 40],
)
@pytest.mark.parametrize("rest", [b"\r\n\r\n", b""])
def test_headers_over_64_kib_are_refused_and_the_refusal_arrives(echo, head, rest):
    text = read_to_end(echo.raw(b"GET /api/v1/echo HTTP/1.1\r\nHost: x\r\n" + head + rest))

    assert text.startswith(b"HTTP/1.1 431 ")
    assert problem(text)["code"] == "head_too_long"


def test_an_address_over_64_kib_is_refused(echo):
    assert read_to_end(echo.raw(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % MUCH)).startswith(b"HTTP/1.1 431 ")


def test_headers_just_under_the_limit_pass(echo):
    assert echo.ask("/api/v1/echo", headers={"X-Much": "x" * (63 << 10)})[0].status == 200


def test_trailers_have_a_limit_too(echo):
    end = echo.raw(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            end.sendall(b"X-More: " + b"x" * 8000)
    assert b"200 OK" not in read_to_end(end)


def test_a_body_in_chunks_of_one_byte_passes(echo):
    body = b"".join(b"1\r\nx\r\n" for _ in range(100_000)) + b"0\r\n\r\n"
    text = read_to_end(
        echo.raw(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            + body
        )
    )
    assert text.startswith(b"HTTP/1.1 200 ")


def test_bytes_that_begin_no_request_keep_no_connection_open(echo):
    end, began = echo.raw(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), time.monotonic()
    with contextlib.suppress(ConnectionError):
        assert end.recv(65536).startswith(b"HTTP/1.1 200 ")
        while time.monotonic() - began < 8:
            end.sendall(b"\r\n")
            if select.select([end], [], [], 0.2)[0] and not end.recv(1):
                break
    assert time.monotonic() - began < 5


@pytest.mark.full
def test_one_address_has_so_many_connections_and_is_told_when_to_come_again():
    echo = Echo(sockets=4)
    try:
        open_ones = [echo.connect() for _ in range(4)]
        for link in open_ones:
            link.request("GET", "/echo")
            assert link.getresponse().read()
        answer, body = echo.ask("/echo")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert json.loads(body)["code"] == "limit_reached"

        open_ones.pop().close()
        until(lambda: echo.ask("/echo")[0].status == 200)
    finally:
        echo.stop()


def test_uploads_and_imports_may_bring_more(echo):
    answer, body = echo.ask("/api/v1/imports", "POST", body=b"x" * 3_000_000)

    assert (answer.status, json.loads(body)["length"]) == (200, 3_000_000)


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-More: "])
def test_a_head_that_does_not_come_is_not_waited_for(echo, head):
    began = time.monotonic()
    assert read_to_end(echo.raw(head)) == b""
    assert time.monotonic() - began < 5


def test_an_idle_connection_may_stay_until_its_next_request_begins(echo):
    link = echo.connect()
    for _ in range(2):
        link.request("GET", "/echo")
        assert link.getresponse().read()


def test_what_is_no_http_is_answered_in_our_words(echo):
    text = read_to_end(echo.raw(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n"))

    assert text.startswith(b"HTTP/1.1 400 ")
    assert b"not valid HTTP" in text


def test_a_nul_in_the_address_is_refused(echo):
    answer, body = echo.ask("/api/v1/tickets/%00")

    assert (answer.status, json.loads(body)["code"]) == (400, "malformed")


def test_past_the_line_a_request_is_refused_and_told_when_to_come_again(echo):
    held = [hold(echo) for _ in range(4)]
    answer, body = echo.ask("/api/v1/echo")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert json.loads(body)["code"] == "busy"

    held.pop().close()  # it stood in line: its place is free, and its call is never made
    held.append(hold(echo))
    echo.let_go(4)
    for end in held:
        assert read_to_end(end).startswith(b"HTTP/1.1 200 ")


def hold(echo):
    """A request that got in, and is held there."""
    while True:
        end = echo.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        if not select.select([end], [], [], 0.2)[0]:
            return end
        assert read_to_end(end).startswith(b"HTTP/1.1 503 ")


def test_answers_without_a_body_keep_the_connection_in_step(echo):
    link = echo.connect()
    for method, path, status, length in [
        ("HEAD", "/echo", 200, "some"),
        ("GET", "/nothing", 204, None),
        ("GET", "/same", 304, None),
        ("HEAD", "/file", 200, "300000"),
        ("HEAD", "/export", 200, "500000"),
        ("GET", "/echo", 200, "some"),
    ]:
        link.request(method, path)
        answer = link.getresponse()
        body = answer.read()
        assert answer.status == status
        assert bool(body) is (method == "GET" and status == 200)
        assert answer.headers["Content-Length"] == (
            length if length != "some" else answer.headers["Content-Length"]
        )
        assert (answer.headers["Content-Length"] is None) is (length is None)


def test_a_chunked_body_has_the_length_that_was_counted(echo):
    _, body = echo.ask(
        "/echo",
        "POST",
        body=iter([b"abc", b"defg"]),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )

    assert json.loads(body) | {"CONTENT_LENGTH": "7", "body": "abcdefg"} == json.loads(body)


def test_headers_arrive_as_wsgi_wants_them_and_none_poses_as_another(echo):
    lines = [
        b"GET /%C3%A4?q=%C3%A4 HTTP/1.1",
        b"Host: x",
        b"X_Key: posed",
        b"X-Key: own",
        b"Cookie: a=1",
        b"Cookie: b=2",
        b"Accept: a",
        b"Accept: b",
    ]
    seen = json.loads(
        read_to_end(echo.raw(b"\r\n".join([*lines, b"Connection: close", b"", b""]))).partition(b"\r\n\r\n")[
            2
        ]
    )

    assert seen["HTTP_X_KEY"] == "own"
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_ACCEPT"] == "a,b"
    assert seen["PATH_INFO"].encode("latin1").decode() == "/ä"
    assert seen["QUERY_STRING"] == "q=%C3%A4"


def test_exports_and_files_arrive_whole(echo):
    assert echo.ask("/export")[1] == b"line\n" * 100_000
    assert echo.ask("/file")[1] == b"y" * 300_000


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.parametrize("path", ["/large", "/export", "/file"])
def test_a_client_that_does_not_read_is_cut_off_and_holds_no_thread(echo, path):
    patient = Echo(patience_s=60)
    ends = not_reading(patient, path)
    until(lambda: patient.ask("/echo")[0].status == 200)  # six at once are more than the line takes
    assert connections(patient.port) > 2  # which are its threads
    patient.stop()

    ends += not_reading(echo, path)
    until(lambda: connections(echo.port) == 0)
    for end in ends:
        end.close()


def not_reading(echo, path):
    ends = [narrow_end(echo.port) for _ in range(6)]
    for end in ends:
        end.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
    return ends


@pytest.mark.full
def test_a_client_that_asks_much_at_once_and_leaves_is_no_error(tmp_path):
    """Its connection is gone before its last requests are answered; each would log a traceback."""
    with (tmp_path / "log").open("wb") as log:
        echo = Echo(errors=log)
        for _ in range(40):
            with echo.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 200) as end:
                assert end.recv(1000)
        until(lambda: echo.ask("/healthz")[0].status == 200)
        echo.stop()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_crash_outside_of_a_view_is_a_problem_document(echo):
    answer, body = echo.ask("/api/v1/crash")

    assert (answer.status, json.loads(body)["code"]) == (500, "internal_error")
