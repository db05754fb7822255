"""What differs between two texts, line by line, in bounded time."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from diff_match_patch import diff_match_patch

from omoi_site.humanize import counted

SECONDS = 0.5  # for a comparison: what is left then counts as replaced
CONTEXT = 3  # lines shown around a change
HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
MARKS = {-1: "-", 0: " ", 1: "+"}
TONES = {"-": "removed", "+": "added", " ": "same", "@": "gap", "=": "file"}


@dataclass(frozen=True)
class Line:
    """A line of a diff; `old`, `new`: its numbers, where it has one.

    `mark`: one of - + or a space, @ for a gap, = for what tells of a file.
    """

    mark: str
    text: str
    old: int | None = None
    new: int | None = None

    @property
    def tone(self) -> str:
        return TONES[self.mark]

    @property
    def sign(self) -> str:
        return self.mark if self.mark in "+-" else ""


def compared(old: list[str], new: list[str]) -> list[Line]:
    """Every line of both, in order."""
    tool = diff_match_patch()
    before, after, table = tool.diff_linesToChars("\n".join([*old, ""]), "\n".join([*new, ""]))
    changes = tool.diff_main(before, after, False, time.time() + SECONDS)
    tool.diff_charsToLines(changes, table)
    lines, at, to = [], 0, 0
    for kind, text in changes:
        for line in text.removesuffix("\n").split("\n"):
            at, to = at + (kind <= 0), to + (kind >= 0)
            lines.append(Line(MARKS[kind], line, at if kind <= 0 else None, to if kind >= 0 else None))
    return lines


def shortened(lines: list[Line]) -> list[Line]:
    """Only the changes and some lines around them; what is left out is one line. Empty without changes."""
    near: set[int] = set()
    for place, line in enumerate(lines):
        if line.mark != " ":
            near.update(range(place - CONTEXT, place + CONTEXT + 1))
    if not near:
        return []
    shown: list[Line] = []
    for nearby, run in itertools.groupby(enumerate(lines), lambda numbered: numbered[0] in near):
        found = [line for _, line in run]
        shown += found if nearby else [Line("@", counted(len(found), "equal line"))]
    return shown


def is_diff(text: str) -> bool:
    """Whether it is a unified diff, as git and `diff -u` write it."""
    return text.startswith(("diff ", "--- ", "Index: ", "From ")) and bool(HUNK.search(text))


def read(lines: Sequence[str]) -> list[Line]:
    """The lines of a unified diff, numbered as their hunks say."""
    found = []
    at = to = old_left = new_left = 0
    for text in lines:
        mark = text[:1] or " "
        if hunk := HUNK.match(text):
            at, to = int(hunk[1]) - 1, int(hunk[3]) - 1
            old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
            found.append(Line("@", text))
        elif mark in "-+ " and (old_left > 0 or new_left > 0):
            at, to = at + (mark != "+"), to + (mark != "-")
            old_left, new_left = old_left - (mark != "+"), new_left - (mark != "-")
            found.append(Line(mark, text[1:], at if mark != "+" else None, to if mark != "-" else None))
        else:
            found.append(Line("=", text))
    return found
