"""The text of a file."""

from __future__ import annotations

from tickets.gates.evidence.bounded_xml import Unreadable


def decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 (byte {error.start})") from error
