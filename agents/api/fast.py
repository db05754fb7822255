"""What the fast routes of agents share: the key, its scope, the body and the answer.

A route is declared in `fast_urls.py` beside the `urls.py` of its app; `docs/api-routes.md` says how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg.errors
from django.db import OperationalError, ProgrammingError

from agents.api.fast_shapes import struct_of
from agents.api.parsing import Shape
from agents.models import Agent, rights
from agents.models.activity import activity
from agents.models.key_cache import keys
from omoi_site import strict_json
from omoi_site.errors import OmoiError
from omoi_site.serving.fast_routes import Answered, FastRequest, FastRoute

encode = msgspec.json.Encoder().encode
# The statement was ended and nothing was written; the full view tries again, or says so.
ENDED = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.InvalidSqlStatementName,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.SerializationFailure,
)


@dataclass(slots=True)
class Asked:
    """What a fast route knows of its request: the agent, the body as its full view parses it (but an id is
    still a text), and the address.
    """

    agent: Agent
    body: dict[str, Any]
    name: str
    query: str
    request: FastRequest


@dataclass(slots=True)
class Tagged:
    """An answer with its version as the ETag."""

    document: Any
    version: int


@dataclass(slots=True)
class Empty:
    """A 204 with these headers."""

    headers: dict[str, str]


@dataclass(slots=True)
class Paged:
    """A page of a list, with its Link header."""

    body: bytes
    link: str


Act = Callable[[Asked], Any]


def read(path: str, act: Act) -> FastRoute:
    """A GET that `act` answers: with JSON as bytes, with anything that msgspec encodes, or with None."""

    def answered(request: FastRequest) -> Answered | None:
        known = keys.find(request.key, to_read=True)
        if known is None:
            return None
        return _answer(act, Asked(known.agent, {}, request.name, request.query, request), known.key)

    return FastRoute("GET", path, answered)


def write(path: str, act: Act, *, takes: type[Shape], scope: str = "work") -> FastRoute:
    """A POST with a body of the shape `takes`, for agents whose key has `scope`. The statement of `act` asks
    whether the key still holds.
    """
    shape = struct_of(takes)

    def answered(request: FastRequest) -> Answered | None:
        known = keys.find(request.key, to_read=False)
        if known is None or scope not in rights.scopes(known.agent):
            return None
        try:
            body = msgspec.to_builtins(msgspec.convert(strict_json.read(request.body), shape))
        except (OmoiError, msgspec.ValidationError):
            return None
        return _answer(act, Asked(known.agent, body, request.name, request.query, request), known.key)

    return FastRoute("POST", path, answered)


def _answer(act: Act, asked: Asked, key: int) -> Answered | None:
    try:
        answer = act(asked)
    except OmoiError:
        return None
    except (OperationalError, ProgrammingError) as error:
        if isinstance(error.__cause__, ENDED):
            return None
        raise
    if answer is None:
        return None
    activity.note(asked.agent, key)
    if isinstance(answer, Empty):
        return 204, [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()], b""
    headers = []
    if isinstance(answer, Tagged):
        headers, answer = [(b"etag", b'"%d"' % answer.version)], answer.document
    elif isinstance(answer, Paged):
        headers, answer = [(b"link", answer.link.encode())] if answer.link else [], answer.body
    return 200, headers, answer if isinstance(answer, bytes) else encode(answer)
