"""Checks whether texts of a file can be stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omoi_site import field_limits


def wrong_text(name: str, value: Any, longest: int | None = None, *, must: bool = False) -> Iterator[str]:
    if value is None:
        yield f"{name} is missing"
    elif not isinstance(value, str):
        yield f"{name} must be text"
    elif must and field_limits.blank_fault(value):
        yield f"{name} has no visible character" if value.strip() else f"{name} is empty"
    elif "\0" in value:
        yield f"{name} contains a NUL character, which cannot be stored"
    elif not whole(value):
        yield f"{name} contains half a surrogate pair, which is not a character"
    elif longest and len(value) > longest:
        yield f"{name} is longer than {longest} characters"


def whole(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def kept_text(text: str) -> str:
    """A text that can be stored in a report: characters that cannot be stored are replaced by escapes."""
    return text if whole(text) and "\0" not in text else ascii(text)[1:-1]
