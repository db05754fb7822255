"""What differs between two texts, line by line, in bounded time."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from diff_match_patch import diff_match_patch

SECONDS = 0.5  # for a comparison: what is left then counts as replaced
CONTEXT = 3  # lines shown around a change
MARKS = {-1: "-", 0: " ", 1: "+"}
TONES = {"-": "removed", "+": "added", " ": "same", "@": "gap"}


@dataclass(frozen=True)
class Line:
    """A line of a diff. `mark`: one of - + @ or a space; `old`, `new`: its numbers, where it has one."""

    mark: str
    text: str
    old: int | None = None
    new: int | None = None

    @property
    def tone(self) -> str:
        return TONES[self.mark]


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
        shown += found if nearby else [Line("@", f"{len(found)} equal line{'' if len(found) == 1 else 's'}")]
    return shown
