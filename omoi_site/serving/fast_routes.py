"""The fast routes: a way for the most frequent requests of agents, past the middlewares and REST framework.

A fast route answers only what it understands and succeeds at. For everything else it returns None, having
written nothing, and the full view answers: what is refused, empty, unusual or repeated has one home there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Answered = tuple[int, list[tuple[bytes, bytes]], bytes]  # 200 or 204, more headers, and the JSON
PLAIN_BODY = {b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"}
PLAIN_ACCEPT = {b"*/*", b"application/json", b"application/json, */*", b"application/json, text/plain, */*"}
# The full view gives these a meaning, and a browser's request is not an agent's.
UNUSUAL = {b"cookie", b"idempotency-key", b"if-match", b"x-http-method-override", b"x-forwarded-host"}
ROOT = "/api/v1/"
PLACE = re.compile(r"<\w+>")
HOSTS = 1000  # known values of Host that are kept
LONGEST_HOST = 300  # bytes of one that is kept: a name has at most 253


@dataclass(slots=True)
class FastRequest:
    """What a fast route gets. `name` is the variable part of the path, if it has one."""

    key: str  # the text of the bearer key
    name: str
    query: str
    scope: dict[str, Any]
    body: bytes = b""

    @property
    def address(self) -> str:
        """The address as the client wrote it, without the query."""
        host = next(value for name, value in self.scope["headers"] if name == b"host")
        return f"{self.scope.get('scheme', 'http')}://{host.decode('latin1')}{self.scope['path']}"


@dataclass(frozen=True)
class FastRoute:
    """`act` answers requests of this method and path, below /api/v1/; the path may have one `<name>`."""

    method: str
    path: str
    act: Callable[[FastRequest], Answered | None]


@dataclass(slots=True)
class Call:
    """A request that a fast route may answer, once its body is there."""

    act: Callable[[FastRequest], Answered | None]
    request: FastRequest

    def answer(self, body: bytes) -> Answered | None:
        self.request.body = body
        return self.act(self.request)


class FastRoutes:
    """The fast routes by method and path."""

    def __init__(self, routes: Iterable[FastRoute]) -> None:
        self.fixed: dict[tuple[str, str], Callable[..., Any]] = {}
        # with a variable part, by what stands before and after it
        self.variable: dict[tuple[str, str, str], Callable[..., Any]] = {}
        self.hosts: dict[bytes, bool] = {}
        for route in routes:
            before, place, after = _parts(ROOT + route.path)
            if place:
                self.variable[route.method, before, after] = route.act
            else:
                self.fixed[route.method, before] = route.act

    def find(self, scope: dict[str, Any]) -> Call | None:
        """The call of a request with this scope, or None: then it is not one for a fast route."""
        method, path, name = scope["method"], scope["path"], ""
        act = self.fixed.get((method, path))
        if act is None:
            if not path.startswith(ROOT) or path.count("/") != 5:
                return None
            noun, name, verb = path.removeprefix(ROOT).split("/")
            act = self.variable.get((method, f"{ROOT}{noun}/", f"/{verb}"))
            if act is None or not name.isascii():
                return None
        key = self._plain_key(scope["headers"], method)
        if not key or (method != "GET" and scope["query_string"]):
            return None
        return Call(act, FastRequest(key, name, scope["query_string"].decode("latin1"), scope))

    def _plain_key(self, headers: Sequence[tuple[bytes, bytes]], method: str) -> str:
        """The bearer key of a request whose other headers are ordinary; else empty."""
        key, host, kind = "", False, False
        for name, value in headers:
            if name == b"authorization":
                if key or value[:7] not in (b"Bearer ", b"bearer ") or not value.isascii():
                    return ""
                key = value[7:].decode().strip()
            elif name == b"host":
                if host or not self._known(value):
                    return ""
                host = True
            elif name == b"content-type":
                if kind or value.lower() not in PLAIN_BODY:
                    return ""
                kind = True
            elif name == b"accept":
                if value.lower() not in PLAIN_ACCEPT:
                    return ""
            elif name in UNUSUAL:
                return ""
        return key if host and (kind or method == "GET") else ""

    def _known(self, host: bytes) -> bool:
        """Whether this is an allowed Host; the last answers are kept."""
        known = self.hosts.get(host)
        if known is None:
            if len(self.hosts) >= HOSTS:
                self.hosts.clear()
            domain, _ = split_domain_port(host.decode("latin1"))
            known = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
            if len(host) <= LONGEST_HOST:
                self.hosts[host] = known
        return known


def _parts(path: str) -> tuple[str, str, str]:
    found = PLACE.search(path)
    return (path[: found.start()], found[0], path[found.end() :]) if found else (path, "", "")
