"""What can go wrong, by name.

The API turns an error into a problem document; nothing here knows HTTP beyond a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MOST_FAULTS = 100  # told one by one
IN_WORDS = 5  # of them in the sentence
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
    trace: Callable[[], None] | None = (
        None  # what shall be told of this refusal, once nothing can undo the telling
    )

    def __init__(self, message: str = "", *, next_action: str = "", **more: Any) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.next_action = next_action or self.next_action
        self.more = more

    def leave_trace(self) -> None:
        """Called by whoever ends the transaction a refusal came out of."""
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
    """Well-formed, but cannot be: each fault is one of `errors` with the field it belongs to; `more_errors`
    counts those beyond the first.
    """

    code = "invalid"
    status = 422
    title = "The request cannot be carried out as it stands"

    def __init__(
        self,
        message: str = "",
        *,
        errors: list[dict[str, str]] | None = None,
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
        """The same faults, of something that is part of what was sent."""
        errors = [{**fault, "field": f"{path}.{fault['field']}".rstrip(".")} for fault in self.more["errors"]]
        return Invalid(errors=errors, more_errors=self.more.get("more_errors", 0))


class Faults:
    """What is wrong with what was sent, field by field: the first ones are kept, all are counted."""

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
        """Raise Invalid with what was found; nothing was found, and nothing happens."""
        if self.found:
            raise self.refusal


def in_words(faults: list[dict[str, str]], more: int) -> str:
    """The first faults in a sentence, and how many there are besides."""
    sentence = "; ".join(
        f"{fault['field']}: {fault['message']}" if fault["field"] else fault["message"]
        for fault in faults[:IN_WORDS]
    )
    left = len(faults[IN_WORDS:]) + more
    return f"{sentence}; and {left} more" if left else sentence


def short(text: str, most: int = LONGEST) -> str:
    """A text that may quote what was sent, cut to `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Malformed(OmoiError):
    """Not readable as what it claims to be."""

    code = "malformed"
    status = 400
    title = "The request could not be read"


class NotFound(OmoiError):
    """No such thing, or it lies outside the caller's projects."""

    code = "not_found"
    status = 404
    title = "Not found"


class Forbidden(OmoiError):
    """Known, but without the right to do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class VersionConflict(OmoiError):
    """Edited from an old copy; `version` is the present one."""

    code = "version_conflict"
    status = 412
    title = "Somebody else changed this meanwhile"
    next_action = "Load it again, look at what changed, and repeat your edit."


class TooLarge(OmoiError):
    """Over a limit of size."""

    code = "too_large"
    status = 413
    title = "Too large"
