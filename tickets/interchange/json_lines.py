"""JSON Lines: one object a line, read as a stream, every fault by its line."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from omoi_site import errors
from omoi_site.errors import Invalid, Malformed, OmoiError, TooLarge

LIMIT = 50 * 2**20
DEPTH = 32
TOO_LARGE = (
    f"Nothing was imported. The file is larger than {LIMIT >> 20} MiB: split it;"
    " what was imported before is not imported twice"
)
COUNTED = 10_000  # faults, at which reading ends
UNREADABLE = 10  # lines at the beginning, none of them an object, after which the file is something else
SHOWN = 3  # unreadable lines that are listed; the others are counted


class Faults(errors.Faults):
    """What is wrong with a file, by place; of the kind of the first fault. A file of nothing else is not read
    to its end.
    """

    kind: type[OmoiError] | None = None
    unreadable = 0  # lines that are no object

    def add(
        self, field: str, message: str, code: str = "invalid", *, kind: type[OmoiError] = Invalid
    ) -> None:
        self.kind = self.kind or kind
        self.unreadable += code == "malformed"
        if code == "malformed" and self.unreadable > SHOWN:
            self.more += 1
        else:
            super().add(errors.short(field), errors.short(message), code)
        if self.count == COUNTED:
            self.check(", and the rest was not read")

    def check(self, then: str = "", why: str = "") -> None:
        """Raise what was found; nothing was found, and nothing happens."""
        if self.kind:
            more: dict[str, Any] = {"more_errors": self.more} if self.more else {}
            raise self.kind(
                f"Nothing was imported. {why}{errors.in_words(self.found, self.more)}{then}",
                errors=self.found,
                **more,
            )


def objects(file: BinaryIO, faults: Faults, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of the file with its place ("line 7"); empty lines are passed over.

    what: a file of this format, such as "a beads export". Raises TooLarge over 50 MiB, and Malformed when
    the file begins with nothing but lines that are no object.
    """
    if file.seekable():
        read = file.seek(0, os.SEEK_END)
        file.seek(0)
        if read > LIMIT:
            raise TooLarge(TOO_LARGE)
    read = number = 0
    any_object = False
    while line := file.readline(LIMIT - read + 1):
        number += 1
        read += len(line)
        if read > LIMIT:
            raise TooLarge(TOO_LARGE)
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        location = f"line {number}"
        try:
            if (item := parsed(line)) is not None:
                any_object = True
                yield location, item
        except ValueError as error:
            faults.add(location, str(error), kind=Malformed, code="malformed")
            if not any_object and faults.unreadable == UNREADABLE:
                faults.more += _count_lines(file, LIMIT - read)
                faults.check(why=f"The file is not {what}: none of its first lines is a JSON object. ")


def parsed(line: bytes) -> dict[str, Any] | None:
    """The object of one line, None for an empty one; raises ValueError saying what is wrong with it."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("the text is UTF-16; save the file as UTF-8")
    if b"\0" in line:
        raise ValueError("a NUL character, which no text may hold")
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {line[error.start]:#04x} at {error.start + 1}; save the file as UTF-8"
        ) from error
    if not text:
        return None
    try:
        value = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise ValueError(f"nested deeper than {DEPTH}") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object; each line is one issue")
    if text.count("{") + text.count("[") > DEPTH and deeper(value, DEPTH):
        raise ValueError(f"nested deeper than {DEPTH}")
    return value


def deeper(value: Any, left: int) -> bool:
    """Whether a value is nested deeper than `left`; itself counts."""
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return left < 1 or any(deeper(item, left - 1) for item in inside)


def _count_lines(file: BinaryIO, limit: int) -> int:
    """The lines that are left in the file, counted up to `limit` bytes."""
    count, last = 0, b"\n"
    while chunk := file.read(min(limit, 1 << 16)):
        limit -= len(chunk)
        count, last = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last != b"\n")


def _no_number(name: str) -> None:
    raise ValueError(f"not JSON: {name} is no number")
