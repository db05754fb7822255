"""The load client, against a server of the standard library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.load import Limit, LoadFailed, Ports, drive, repeated, request, shared_out


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Authorization"].encode()
        if self.path == "/nothing":
            self.send_response(204)
            self.end_headers()
            return
        if self.path == "/closes":
            self.close_connection = True
            return
        self.close_connection = self.path == "/last"
        answer = key + b" " + body * (100_000 if self.path == "/large" else 1)
        self.send_response(409 if self.path == "/refused" else 200)
        if self.path == "/endless":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ports() -> Iterator[Ports]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield (server.server_address[1],)
        server.shutdown()


def asked(path: str = "/", key: str = "ada") -> bytes:
    return request("POST", path, key=key, body={"n": 1})


def test_every_flow_gets_its_own_answers(ports):
    kept: dict[str, list[bytes]] = {"ada": [], "bob": []}

    load = drive(ports, [repeated([asked(key=key)], keep=kept[key]) for key in kept], Limit(30, requests=20))

    assert (load.requests, load.statuses) == (20, {200: 20})
    assert {*kept["ada"], *kept["bob"]} == {b'Bearer ada {"n":1}', b'Bearer bob {"n":1}'}
    assert set(kept["ada"]) == {b'Bearer ada {"n":1}'}


def test_an_answer_may_come_in_pieces_or_without_a_body(ports):
    kept: list[bytes] = []

    drive(ports, [repeated([asked("/large")], keep=kept)], Limit(30, requests=2))
    load = drive(ports, [repeated([asked("/nothing")], expect=204)], Limit(30, requests=3))

    assert len(kept[0]) > 700_000
    assert load.statuses == {204: 3}


@pytest.mark.parametrize(
    ("path", "message"),
    [("/refused", "answered 409"), ("/closes", "closed"), ("/endless", "without its length")],
)
def test_what_a_load_does_not_expect_ends_it(ports, path, message):
    with pytest.raises(LoadFailed, match=message):
        drive(ports, [repeated([asked(path)])], Limit(30, requests=5))


def test_a_load_ends_with_its_time_and_keeps_its_pace(ports):
    load = drive(ports, [repeated([asked()])], Limit(0.5, per_s=20))

    assert 0 < load.requests <= 11  # at most one at once, and twenty a second


def test_a_load_with_a_pace_uses_its_connections_in_turn(ports):
    """A server closes a connection that stays idle."""
    kept: dict[str, list[bytes]] = {key: [] for key in "abcd"}

    flows = [repeated([asked(key=key)], keep=kept[key]) for key in kept]
    drive(ports, flows, Limit(30, requests=8, per_s=50))

    assert {key: len(bodies) for key, bodies in kept.items()} == dict.fromkeys("abcd", 2)


@pytest.mark.parametrize("path", ["/", "/last"])
def test_a_flow_that_ends_leaves_the_others_going(ports, path):
    """Also when the server then closes its connection."""

    def once():
        yield asked(path)

    load = drive(ports, [once(), repeated([asked()])], Limit(30, requests=10))

    assert load.requests == 10


def test_connections_share_the_agents_so_that_none_is_in_two_places():
    requests = [str(n).encode() for n in range(20)]

    shares = shared_out(requests, 16)

    assert sorted(each for share in shares for each in share) == sorted(requests)
    assert len(shares) == 16


def test_percentiles_are_those_of_the_answers(ports):
    load = drive(ports, [repeated([asked()])], Limit(30, requests=10))
    load.latencies = [n / 100 for n in range(1, 101)]

    assert (load.percentile(0.5), load.percentile(0.99)) == (0.51, 1.0)
