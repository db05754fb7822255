"""The minutes in which an agent was heard from, as a strip of bars and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby

from django.utils import timezone

from agents.models.agent_presence import MINUTES
from tickets.models.explain.sentences import counted

MOST_GAPS = 5


@dataclass(frozen=True)
class Bar:
    """A part of the strip. mark: `heard`, `partly`, `missed`, or empty where nothing was to be heard."""

    mark: str
    title: str


@dataclass(frozen=True)
class Gap:
    """Minutes without a word: since, until (None: until now)."""

    since: datetime
    until: datetime | None
    minutes: int


class Heartbeats:
    """minutes: the last ones, 1 where it was heard from; the last one has only begun. known: the place of the
    first such minute of a whole day, from 1 on; 0: there is none. silent: nothing is to be heard any more.
    """

    def __init__(self, minutes: str, *, known: int, silent: bool = False) -> None:
        self.minutes = minutes
        self.silent = silent
        first = (known or MINUTES + 1) - (MINUTES - len(minutes)) - 1
        self.first = max(0, first)  # nothing is known of the minutes before

    @cached_property
    def marks(self) -> list[bool | None]:
        """Of each minute whether it was heard from; None where nothing was to be heard."""
        last = len(self.minutes) - 1
        return [
            True if bit == "1" else None if n < self.first or n == last or self.silent else False
            for n, bit in enumerate(self.minutes)
        ]

    @cached_property
    def now(self) -> datetime:
        return timezone.localtime().replace(second=0, microsecond=0)

    def at(self, minute: int) -> datetime:
        return self.now - timedelta(minutes=len(self.minutes) - 1 - minute)

    @property
    def bars(self) -> list[str]:
        """One for each minute."""
        return [mark_of([mark]) for mark in self.marks]

    def grouped(self, size: int) -> list[Bar]:
        """One for each so many minutes."""
        bars = []
        for begin in range(0, len(self.marks), size):
            marks = self.marks[begin : begin + size]
            heard, expected = marks.count(True), len(marks) - marks.count(None)
            end = self.at(begin + size)
            words = f"heard from in {heard} of {expected} minutes" if expected else "nothing is known"
            bars.append(Bar(mark_of(marks), f"{self.at(begin):%H:%M} to {end:%H:%M}: {words}"))
        return bars

    @property
    def heard(self) -> int:
        return self.marks.count(True)

    @property
    def expected(self) -> int:
        """The minutes in which it should have been heard from."""
        return len(self.marks) - self.marks.count(None)

    @cached_property
    def gaps(self) -> list[Gap]:
        """The times of two minutes or more without a word, the latest first."""
        found, begin = [], 0
        for mark, run in groupby(self.marks):
            length = len(list(run))
            if mark is False and length > 1:
                ends = begin + length
                until = None if ends >= len(self.marks) - 1 else self.at(ends)
                found.append(Gap(self.at(begin), until, length))
            begin += length
        return found[::-1]

    @property
    def latest_gaps(self) -> list[Gap]:
        return self.gaps[:MOST_GAPS]

    @property
    def more_gaps(self) -> int:
        return max(0, len(self.gaps) - MOST_GAPS)

    @property
    def in_words(self) -> str:
        if not self.expected:
            return "Not heard from"
        return f"Heard from in {self.heard} of the last {counted(self.expected, 'minute')}"


def mark_of(marks: Sequence[bool | None]) -> str:
    """The mark of one or more minutes. Of a longer time one minute may be missing."""
    heard, missed = marks.count(True), marks.count(False)
    if not heard:
        return "missed" if missed else ""
    return "heard" if missed <= 1 else "partly"
