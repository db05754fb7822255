"""A real web process on a free port, on the database of the running test, and an open page of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support import ROOT, children
from tests.support.cluster import environment
from tests.support.shared import shared


class Web:
    """`manage.py web`, ready when made; on a socket of the caller's or on a free port."""

    def __init__(self, listener: socket.socket | None = None, **variables: str) -> None:
        listening, said = os.pipe()
        given = [listener.fileno()] if listener else []
        self.process = children.start(
            [sys.executable, "manage.py", "web", *(["--fd", str(given[0])] if given else ["--port", "0"])],
            cwd=ROOT,
            env={**environment(), "OMOI_READY_FD": str(said), **variables},
            pass_fds=[said, *given],
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(said)
        try:
            assert self.process.stderr
            line = self.process.stderr.readline()
            assert line.startswith("Listening on "), line + self.process.stderr.read()
            self.port = int(line.rstrip(".\n").rpartition(":")[2])
            with os.fdopen(listening) as ready:
                assert ready.readline() == "ready\n"
        except BaseException:
            self.process.kill()
            raise

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def page(self, user: Any = None, **options: Any) -> Page:
        """An open live socket of this person."""
        from django.test import Client

        headers = {}
        if user:
            client = Client()
            client.force_login(user)
            headers["Cookie"] = f"sessionid={client.cookies['sessionid'].value}"
        more = options.pop("additional_headers", {})
        options = {"origin": f"http://{self.host}", "compression": None, **options}
        return Page(
            connect(
                f"ws://{self.host}/ws/live/", additional_headers={**headers, **more}, legacy=True, **options
            )
        )


class RestartingWeb:
    """A web process that goes and comes back on the same port."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self.web = Web(listener)
        listener.close()

    def stop(self) -> None:
        self.web.stop()


class Page:
    """What a browser's page does with its socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.cursor = ""

    def follow(self, *topics: str, cursor: str | None = None) -> list[str]:
        """Name the topics; what the server says changed since."""
        if cursor is None:
            from agents.models.journal_changes import changed_since

            cursor = changed_since("").cursor
        self.socket.send(json.dumps({"topics": topics, "cursor": cursor}))
        return self.heard()

    def heard(self) -> list[str]:
        """Everything that came until the answer to a ping."""
        self.socket.send("{}")
        topics = []
        while topic := self.next():
            topics.append(topic)
        return topics

    def next(self, timeout: float = 10) -> str:
        """The next topic; empty for the answer to a ping."""
        signal = json.loads(self.socket.recv(timeout))
        self.cursor = signal.get("cursor", self.cursor)
        return signal.get("topic", "")

    def close(self) -> None:
        self.socket.close()


def narrow() -> socket.socket:
    """A socket that buffers little: whoever does not read is soon noticed."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return end


def narrow_listener() -> socket.socket:
    listener = narrow()
    listener.bind(("127.0.0.1", 0))
    return listener


def narrow_end(port: int) -> socket.socket:
    """A connection to that port which takes little before it has to be read."""
    end = narrow()
    end.connect(("127.0.0.1", port))
    return end


def write_events(project: int, topics: list[str]) -> None:
    """One event of each topic, in one transaction."""
    from omoi_site.database import sql

    sql.rows(
        """INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
           SELECT %s, topic, topic, 1, 'ticket.edited', 'system:test', '', '{}', ''
            FROM unnest(%s::text[]) topic""",
        [project, topics],
    )


def connections(port: int) -> int:
    """How many a server has open, as the kernel counts them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(fields[1].endswith(f":{port:04X}") and fields[3] == "01" for fields in map(str.split, lines))


@contextlib.contextmanager
def running() -> Iterator[Web]:
    web = Web()
    yield web
    web.stop()


@pytest.fixture(scope="module")
def web(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[Web]:
    """One for the tests of a file, and of the next if they want one too."""
    yield from shared(request, running, lambda web: web.process.poll() is None)


@pytest.fixture
def server() -> Iterator[RestartingWeb]:
    server = RestartingWeb()
    yield server
    server.stop()
