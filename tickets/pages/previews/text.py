"""Text as a page shows it: cut to a bounded size, with invisible characters made visible."""

from __future__ import annotations

import re
from dataclasses import dataclass

from omoi_site import field_limits

HEAD = 256 << 10  # bytes of a file that are shown
LINES = 2_000
WIDTH = 2_000  # characters of a line
COLORS = re.compile(r"\x1b\[[0-9;]*m")  # which logs of terminals are full of


@dataclass(frozen=True)
class Text:
    """Lines to show. `note`: what is not shown as it is, in a sentence; empty if all is."""

    lines: tuple[str, ...]
    note: str = ""

    @property
    def numbers(self) -> str:
        return "\n".join(map(str, range(1, len(self.lines) + 1)))

    @property
    def whole(self) -> str:
        return "\n".join(self.lines)


def decoded(head: bytes, size: int) -> tuple[str, str] | None:
    """The text of the first bytes of a file and a note about its encoding; None if it is no text."""
    cut = len(head) < size
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) & ~1].decode("utf-16", "replace"), "It is UTF-16; checks read only UTF-8."
    if b"\0" in head:
        return None
    try:
        return head.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        fault = error
    if cut and fault.start > len(head) - 4 and fault.reason == "unexpected end of data":
        return head[: fault.start].decode("utf-8-sig"), ""
    return head.decode("utf-8-sig", "replace"), f"It is not UTF-8 (byte {fault.start})."


def visible(text: str) -> str:
    """The text with its invisible characters, and without the colors of terminals."""
    return field_limits.visible(COLORS.sub("", text))


def lines_of(text: str) -> tuple[list[str], bool]:
    """The lines to show, and whether something was cut."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n", LINES)
    cut = len(lines) > LINES or any(len(line) > WIDTH for line in lines[:LINES])
    return [visible(line if len(line) <= WIDTH else f"{line[:WIDTH]}…") for line in lines[:LINES]], cut


def text_of(text: str, note: str, *, cut: bool) -> Text:
    """cut: whether the file has more than this text."""
    lines, shortened = lines_of(text)
    notes = [note] if note else []
    if cut or shortened:
        notes.append(f"Only its beginning is shown: {len(lines)} lines. Download it to read all.")
    return Text(tuple(lines), " ".join(notes))
