"""JSON Lines: one object per line, read as a stream; each fault names its line."""

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
    f"Nothing was imported. The file is larger than {LIMIT >> 20} MiB. Split it; nothing is imported twice"
)
COUNTED = 10_000  # faults after which reading stops
UNREADABLE = 10  # if none of the first lines is an object, the file has another format
SHOWN = 3  # unreadable lines that are listed; the others are counted


class Faults(errors.Faults):
    """The faults of a file, by place. The first fault decides the kind of error. Reading stops after too
    many.
    """

    kind: type[OmoiError] | None = None
    unreadable = 0  # lines that are not objects

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
        """Raise an error if there are faults."""
        if self.kind:
            more: dict[str, Any] = {"more_errors": self.more} if self.more else {}
            raise self.kind(
                f"Nothing was imported. {why}{errors.in_words(self.found, self.more)}{then}",
                errors=self.found,
                **more,
            )


def objects(file: BinaryIO, faults: Faults, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of the file with its place ("line 7"); empty lines are skipped.

    what: the name of the format, such as "a beads export". Raises TooLarge over 50 MiB, and Malformed if none
    of the first lines is an object.
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
    """The object of one line; None for an empty line. Raises ValueError, which says what is wrong."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("the text is UTF-16; save the file as UTF-8")
    if b"\0" in line:
        raise ValueError("it contains a NUL character, which cannot be stored")
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
    """Whether a value is nested deeper than `left` levels, counting itself."""
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return left < 1 or any(deeper(item, left - 1) for item in inside)


def _count_lines(file: BinaryIO, limit: int) -> int:
    """How many lines are left in the file, counted up to `limit` bytes."""
    count, last = 0, b"\n"
    while chunk := file.read(min(limit, 1 << 16)):
        limit -= len(chunk)
        count, last = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last != b"\n")


def _no_number(name: str) -> None:
    raise ValueError(f"not JSON: {name} is not a number")
