"""The errors that a caller may meet.

The API turns an error into a problem document. Here HTTP appears only as a status number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MOST_FAULTS = 100  # listed one by one
IN_WORDS = 5  # of them named in the message
LONGEST = 500  # characters of one fault's field, and of its message


class OmoiError(Exception):
    """A refusal: `code` is stable for clients, the message says what to do or who is in the way.

    `more` goes into the problem document beside the message (holder, cycle, unmet, errors, …).
    """

    code = "refused"
    status = 409
    title = "Refused"
    next_action = ""
    retry_after_s = 1  # of a 429 or 503
    trace: Callable[[], None] | None = None  # records the refusal, once its transaction has ended

    def __init__(self, message: str = "", *, next_action: str = "", **more: Any) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.next_action = next_action or self.next_action
        self.more = more

    def leave_trace(self) -> None:
        """Record the refusal. Called after the transaction that raised it has ended."""
        trace, self.trace = self.trace, None
        if trace:
            trace()

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document of this refusal (RFC 9457)."""
        document = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
        }
        return {**document, **({"next_action": self.next_action} if self.next_action else {}), **self.more}


class Invalid(OmoiError):
    """Well-formed, but not valid. Each fault is one of `errors`, with its field; `more_errors` counts those
    that are not listed.
    """

    code = "invalid"
    status = 422
    title = "The request is not valid"

    def __init__(
        self,
        message: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        field: str = "",
        more_errors: int = 0,
        **more: Any,
    ) -> None:
        faults = errors or [{"field": field, "code": self.code, "message": message}]
        more_errors += len(faults[MOST_FAULTS:])
        faults = [
            {**fault, "field": short(fault["field"]), "message": short(fault["message"])}
            for fault in faults[:MOST_FAULTS]
        ]
        if more_errors:
            more["more_errors"] = more_errors
        super().__init__(message or in_words(faults, more_errors), errors=faults, **more)

    def inside(self, path: str) -> Invalid:
        """The same faults, with `path` in front of each field."""
        errors = [{**fault, "field": f"{path}.{fault['field']}".rstrip(".")} for fault in self.more["errors"]]
        return Invalid(errors=errors, more_errors=self.more.get("more_errors", 0))


class Faults:
    """Collects faults by field: keeps the first ones, counts all."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []
        self.more = 0

    def add(self, field: str, message: str, code: str = "invalid") -> None:
        if len(self.found) < MOST_FAULTS:
            self.found.append({"field": field, "code": code, "message": message})
        else:
            self.more += 1

    @property
    def count(self) -> int:
        return len(self.found) + self.more

    @property
    def refusal(self) -> Invalid:
        return Invalid(errors=self.found, more_errors=self.more)

    def check(self) -> None:
        """Raise Invalid if any fault was added."""
        if self.found:
            raise self.refusal


def in_words(faults: list[dict[str, Any]], more: int) -> str:
    """The first faults in one sentence, and how many more there are."""
    sentence = "; ".join(
        f"{fault['field']}: {fault['message']}" if fault["field"] else fault["message"]
        for fault in faults[:IN_WORDS]
    )
    left = len(faults[IN_WORDS:]) + more
    return f"{sentence}; and {left} more" if left else sentence


def short(text: str, most: int = LONGEST) -> str:
    """The text, cut to `most` characters; it may quote what a client sent."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Malformed(OmoiError):
    """The input cannot be parsed."""

    code = "malformed"
    status = 400
    title = "The request could not be read"


class NotFound(OmoiError):
    """The thing does not exist, or is outside the caller's projects."""

    code = "not_found"
    status = 404
    title = "Not found"


class Forbidden(OmoiError):
    """The caller is known, but may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class VersionConflict(OmoiError):
    """The edit is based on an old version; `version` is the current one."""

    code = "version_conflict"
    status = 412
    title = "Somebody else has changed this"
    next_action = "Load it again, check what changed, then repeat your edit."


class IdempotencyMismatch(OmoiError):
    """The key was used for another request before."""

    code = "idempotency_mismatch"
    title = "This key was used for another request"
    next_action = "Use a new key for a new request."


class TooLarge(OmoiError):
    """Something is larger than its limit."""

    code = "too_large"
    status = 413
    title = "Too large"
    next_action = "Send less at once: split it, or leave out what is not needed."
