"""Answers of the port itself: what is refused before a view sees it, or when no view can answer."""

from __future__ import annotations

import errno
import json
import os

import psycopg

from omoi_site.errors import OmoiError

Headers = list[tuple[bytes, bytes]]

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Stalled(OmoiError):
    """The client stopped sending in the middle of its body."""

    code = "stalled"
    status = 408
    title = "The request was not sent to its end in time"


class StorageFull(OmoiError):
    """A disk is full: of the database, or of temporary files. What was begun was undone."""

    code = "storage_full"
    status = 507
    title = "The server's disk is full"
    next_action = (
        "Nothing was changed. Ask the person who runs the server to free some space, then send it again."
    )


def storage_full(error: BaseException | None) -> bool:
    """Whether a disk without room is the reason for this error, or for one it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        if isinstance(error, psycopg.errors.DiskFull) or (
            isinstance(error, psycopg.errors.InternalError_)  # a quota has no code of its own there
            and any(os.strerror(number) in str(error) for number in NO_ROOM)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


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


def refusal(error: OmoiError, *, page: bool = False) -> tuple[Headers, bytes]:
    """Headers and body of an answer that never reached a view: a problem document, or a line of text where a
    person is to read it.
    """
    if page:
        kind, text = b"text/plain; charset=utf-8", f"{error.message}. {error.next_action}".rstrip().encode()
    else:
        kind, text = b"application/problem+json", json.dumps(error.problem).encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(text)),
        (b"cache-control", b"no-store"),
    ]
    return [*headers, (b"retry-after", b"%d" % error.retry_after_s)] if error.status in (
        429,
        503,
    ) else headers, text


def for_a_person(path: str, accept: bytes) -> bool:
    """Whether a browser shows the answer: not what its scripts, agents and programs ask for."""
    return not path.startswith("/api/") and b"text/html" in accept
