"""The kind of a failure: what it says about another attempt.

Whoever fails a task may say it. Where nothing is said, the error decides: everything may go better next time
unless one of these phrases says that it cannot.
"""

from __future__ import annotations

TRANSIENT, PERMANENT, VALIDATION, RATE_LIMITED = "transient", "permanent", "validation", "rate_limited"
KINDS = (TRANSIENT, PERMANENT, VALIDATION, RATE_LIMITED)
PERMANENT_PHRASES = (
    "permission denied",
    "access denied",
    "authentication failed",
    "authorization failed",
    "syntax error",
    "invalid argument",
    "not found",
    "does not exist",
    "already exists",
    "duplicate key",
    "constraint violation",
    "immutable",
    "read-only",
    "quota exceeded",
    "rate limit exceeded",
)


def kind_of(error: str) -> str:
    """The kind that this error suggests, wherever in it the phrase is, in small or capital letters."""
    words = error.lower()
    return PERMANENT if any(phrase in words for phrase in PERMANENT_PHRASES) else TRANSIENT
