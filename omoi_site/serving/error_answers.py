"""Answers that the server gives itself, before a view runs or when no view can answer."""

from __future__ import annotations

import errno
import json
import os

import psycopg

from omoi_site.errors import OmoiError

Headers = list[tuple[bytes, bytes]]

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Stalled(OmoiError):
    """The client stopped sending before the end of its body."""

    code = "stalled"
    status = 408
    title = "The request body did not arrive in time"


class StorageFull(OmoiError):
    """The disk of the database or of temporary files is full. The work was rolled back."""

    code = "storage_full"
    status = 507
    title = "The server's disk is full"
    next_action = (
        "Nothing was changed. Ask the person who runs the server to free some space, then send it again."
    )


def storage_full(error: BaseException | None) -> bool:
    """Whether a full disk caused this error, or an error behind it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        if isinstance(error, psycopg.errors.DiskFull) or (
            isinstance(error, psycopg.errors.InternalError_)  # PostgreSQL has no separate code for a quota
            and any(os.strerror(number) in str(error) for number in NO_ROOM)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def connection_lost(error: BaseException) -> bool:
    """Whether the database ended the connection, or could not be reached: the error has no code, or one of
    the classes 08 (connection) and 57P (shutdown).
    """
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return isinstance(cause, psycopg.OperationalError) and (cause.sqlstate or "08").startswith(("08", "57P"))


class Away(OmoiError):
    """The database does not answer."""

    code = "database_away"
    status = 503
    title = "The database does not answer"
    next_action = "Try again in a second."


class Crash(OmoiError):
    """A bug in Omoi; the log has the traceback."""

    code = "internal_error"
    status = 500
    title = "Something went wrong in Omoi"


def refusal(error: OmoiError, *, page: bool = False) -> tuple[Headers, bytes]:
    """Headers and body for a request that never reached a view: a problem document, or plain text for a
    browser.
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
    """Whether a browser will show the answer to a person. Requests of scripts, agents and programs do not
    count.
    """
    return not path.startswith("/api/") and b"text/html" in accept
