"""Parses untrusted XML within limits.

Each limit is checked before the work is done, and parsing stops at the first refusal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from xml.parsers import expat

LARGEST = 10 << 20  # bytes of a file a check reads
SECONDS = 5.0  # CPU time for one reading; a file within the other limits needs a fraction of it
ELEMENTS = 400_000  # in an XML file
DEPTH = 64
NAMES = 10_000  # different names of elements and attributes
TAG = 1 << 20  # bytes of a tag or comment: the parser scans all of it again with each piece
PIECE = 64 << 10  # bytes parsed between two checks of the clock
QUOTED = 80  # characters of a file quoted in an error


class Unreadable(Exception):
    """The file is not what its type says; the message says why."""


class TooSlow(Exception):
    """Reading the file used up its time."""


class Budget:
    """The CPU time that a reading may use in its thread. Waiting does not count."""

    def __init__(self) -> None:
        self._end = time.thread_time() + SECONDS

    def check(self) -> None:
        if time.thread_time() > self._end:
            raise TooSlow


def elements(
    content: bytes,
    kind: str,
    holds: Mapping[str, Collection[str]],
    begin: Callable[[list[str], Mapping[str, str]], None],
    end: Callable[[str], None] = lambda name: None,
    *,
    doctype: bool = False,
) -> None:
    """Call `begin(path, attributes)` and `end(name)` for each element of an XML file of this kind. Texts are
    ignored.

    holds: the elements that each element may contain; "" is the file. path: the names from the root to the
    element. doctype: whether the file may name a document type, as Cobertura does. A file that declares
    anything in it is always refused, and nothing is ever fetched. Raises Unreadable, TooSlow.
    """
    budget = Budget()
    names: dict[str, str] = {}
    path = [""]
    count = silent = 0
    parser = expat.ParserCreate(intern=names)
    parser.buffer_text, parser.buffer_size = True, PIECE

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count, silent
        count, silent = count + 1, 0
        if not count % 100:
            budget.check()
        if count > ELEMENTS:
            raise Unreadable(f"it has more than {ELEMENTS} elements")
        if len(names) > NAMES:
            raise Unreadable(f"it has more than {NAMES} different names of elements and attributes")
        if len(path) > DEPTH:
            raise Unreadable(f"its elements are nested more than {DEPTH} deep")
        if "xmlns" in attributes:
            raise Unreadable(
                f"<{quoted(name)}> is in the namespace {quoted(attributes['xmlns'])}, which is not supported"
            )
        if name not in holds.get(path[-1], ()):
            raise Unreadable(
                f"{f'<{path[-1]}> holds' if path[-1] else 'it is'} <{quoted(name)}>, which is not {kind}"
            )
        path.append(name)
        begin(path, attributes)

    def stop(name: str) -> None:
        path.pop()
        end(name)

    def sign(*_: object) -> None:
        nonlocal silent
        silent = 0

    def typed(name: str, system: str | None, public: str | None, declares: int) -> None:
        if declares or not doctype:
            raise Unreadable("it declares a document type (DOCTYPE), which is not allowed")

    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, stop, typed
    parser.CharacterDataHandler = parser.StartCdataSectionHandler = parser.CommentHandler = (
        parser.ProcessingInstructionHandler
    ) = sign
    try:
        for place in range(0, len(content), PIECE):
            budget.check()
            parser.Parse(content[place : place + PIECE], False)
            silent += PIECE
            if silent > TAG:
                raise Unreadable(f"it has a tag or comment of more than {TAG >> 20} MiB")
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Unreadable(f"it is not {kind} XML: {quoted(str(error))}") from error


def quoted(text: str) -> str:
    """A short, printable line of the text, to quote in an error."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:QUOTED]) + (
        "…" if len(text) > QUOTED else ""
    )
