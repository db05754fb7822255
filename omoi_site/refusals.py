"""Answers of the port itself: what is refused before a view sees it, or when no view can answer."""

from __future__ import annotations

import json

from omoi_site.errors import OmoiError

Headers = list[tuple[bytes, bytes]]


class Stalled(OmoiError):
    """The client stopped sending in the middle of its body."""

    code = "stalled"
    status = 408
    title = "The request was not sent to its end in time"


class Full(OmoiError):
    """The disk cannot take the body."""

    code = "storage_full"
    status = 507
    title = "The server has no room for this"


class Away(OmoiError):
    """The database does not answer."""

    code = "database_away"
    status = 503
    title = "The database is away"
    next_action = "Try again after a second."


class Crash(OmoiError):
    """Our own fault; the log says which."""

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side"


def refusal(path: str, error: OmoiError) -> tuple[Headers, bytes]:
    """Headers and body of an answer that never reached a view: a problem document under /api/, else a line of text."""
    if path.startswith("/api/"):
        kind = b"application/problem+json"
        text = json.dumps(error.problem).encode()
    else:
        kind, text = b"text/plain; charset=utf-8", f"{error.message}. {error.next_action}".rstrip().encode()
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(text)), (b"cache-control", b"no-store")]
    return [*headers, (b"retry-after", b"%d" % error.retry_after_s)] if error.status in (429, 503) else headers, text
