"""What can go wrong, by name. The API turns an error into a problem document; nothing here knows HTTP beyond a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class OmoiError(Exception):
    """A refusal: `code` is stable for clients, the message says what to do or who is in the way.

    `more` goes into the problem document beside the message (holder, cycle, unmet, errors, …).
    """

    code = "refused"
    status = 409
    title = "Refused"
    next_action = ""
    trace: Callable[[], None] | None = None  # what shall be told of this refusal, once nothing can undo the telling

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
        told = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code, "detail": self.message}
        return {**told, **({"next_action": self.next_action} if self.next_action else {}), **self.more}


class Invalid(OmoiError):
    """Well-formed, but cannot be: each fault is one of `errors` with the field it belongs to."""

    code = "invalid"
    status = 422
    title = "The request cannot be carried out as it stands"

    def __init__(self, message: str = "", *, errors: list[dict[str, str]] | None = None, field: str = "", **more: Any) -> None:
        faults = errors or [{"field": field, "code": self.code, "message": message}]
        super().__init__(message or "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults), errors=faults, **more)

    def inside(self, path: str) -> Invalid:
        """The same faults, of something that is part of what was sent."""
        return Invalid(errors=[{**fault, "field": f"{path}.{fault['field']}".rstrip(".")} for fault in self.more["errors"]])


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
    next_action = "Read it again, look at what changed, and send your edit with the new version."


class TooLarge(OmoiError):
    """Over a limit of size."""

    code = "too_large"
    status = 413
    title = "Too large"
