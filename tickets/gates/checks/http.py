"""Checks of what another service answers."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from omoi_site import networks
from omoi_site.errors import OmoiError
from tickets.gates.registry import Reason, worker_check
from tickets.gates.work import Answer, Question

LONGEST = 1 << 20  # bytes that are read of an answer
USUAL_S, MOST_S = 5, 10
PORTS = {"http": 80, "https": 443}
URL = {
    "type": "string",
    "pattern": r"^https?://[^\s\x00-\x20\\]{1,1000}$",
    "title": "Address",
    "description": "What is asked with GET. The address must be of the public internet, or of a network that"
    " OMOI_ALLOWED_NETWORKS names.",
}
STATUS = {
    "type": "integer",
    "minimum": 100,
    "maximum": 599,
    "title": "Status",
    "description": "The status that the answer must have. Redirects are not followed. Without it: 200.",
}
CONTAINS = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1_000,
    "title": "Contains",
    "description": "A text that the answer must contain, in its first MiB.",
}
TIMEOUT = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_S,
    "title": "Timeout",
    "description": f"The seconds that the whole answer may take. Without it: {USUAL_S}.",
}


@dataclass
class Got:
    """The answer of a service. address: the one that was asked."""

    address: str
    status: int
    body: bytes
    seconds: float

    @property
    def kept(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "status": self.status,
            "bytes": len(self.body),
            "body_sha256": hashlib.sha256(self.body).hexdigest(),
            "seconds": round(self.seconds, 3),
        }


def url_faults(needs: dict[str, Any]) -> Iterator[str]:
    if fault := _url_fault(needs["url"]):
        yield f"url {fault}"


@worker_check(
    "http",
    parameters={"url": URL},
    optional={"status": STATUS, "contains": CONTAINS, "timeout_s": TIMEOUT},
    faults=url_faults,
)
def http_check(question: Question) -> Answer:
    """A service answers a request with the right status and text. It is asked by a worker, once for each
    change of the evidence.
    """
    needs = question.needs
    url, status, contains = needs["url"], needs.get("status", 200), needs.get("contains", "")
    try:
        got = _get(urlsplit(url), needs.get("timeout_s", USUAL_S))
    except OmoiError as refused:
        return _refused(refused.code, url, refused.message, refused.next_action or "correct the address")
    except TimeoutError:
        how = "find out why the service is slow, then run the checks again"
        return _refused("http_too_slow", needs.get("timeout_s", USUAL_S), None, how)
    except (OSError, http.client.HTTPException, ValueError) as error:
        how = "start the service, then run the checks again"
        return _refused("http_unreachable", url, f"{type(error).__name__}: {error}", how)
    if got.status != status:
        reason = Reason(
            "http", "http_status", status, got.status, "repair the service, then run the checks again"
        )
        return Answer([reason], got.kept)
    if len(got.body) > LONGEST:
        how = "make the answer of the service shorter"
        return Answer([Reason("http", "http_too_large", LONGEST, f"more than {LONGEST}", how)], got.kept)
    if contains.encode() not in got.body:
        how = "repair the service, then run the checks again"
        return Answer(
            [Reason("http", "http_text_missing", contains, got.body[:200].decode("utf-8", "replace"), how)],
            got.kept,
        )
    return Answer([], got.kept)


def _refused(code: str, need: Any, got: Any, how: str) -> Answer:
    return Answer([Reason("http", code, need, got, how)])


def _url_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is not an address: {error}"
    if not parts.hostname or port == 0:
        return "names no host"
    return "must not contain a name or a password" if "@" in parts.netloc else ""


def _get(url: SplitResult, seconds: float) -> Got:
    """Raises OmoiError for an address that is not allowed, OSError, HTTPException, and TimeoutError when it
    has used up its time: the same for looking up the name, the connection and the answer, however slowly each
    goes on.
    """
    assert url.hostname
    began, port = time.monotonic(), url.port or PORTS[url.scheme]
    [address, *_] = networks.addresses(url.hostname, port, seconds=seconds)
    link: socket.socket = socket.create_connection((address, port), timeout=_left(began + seconds))
    if url.scheme == "https":
        context = ssl.create_default_context()
        link = context.wrap_socket(link, server_hostname=url.hostname, do_handshake_on_connect=False)
    with closing(link), _ended_at(link, began + seconds):
        if isinstance(link, ssl.SSLSocket):
            link.do_handshake()
        asked = http.client.HTTPConnection(url.hostname, port)
        asked.sock = link
        path = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        asked.request("GET", path, headers={"User-Agent": "Omoi", "Connection": "close"})
        answer = asked.getresponse()
        body = answer.read(LONGEST + 1)
    return Got(address, answer.status, body, time.monotonic() - began)


def _left(end: float) -> float:
    """The seconds until this moment. Raises TimeoutError if it is over."""
    if (left := end - time.monotonic()) <= 0:
        raise TimeoutError
    return left


@contextmanager
def _ended_at(link: socket.socket, end: float) -> Iterator[None]:
    """Shut the connection down at this moment, and raise TimeoutError: a timeout of the socket would count
    anew with each byte.
    """
    late = threading.Event()

    def shut() -> None:
        late.set()
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_left(end), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError
