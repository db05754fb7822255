"""How a check reads the newest artifact of a type: once per content, and for each ticket one at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from tickets.gates import evidence, time_limit
from tickets.gates.evidence.bounded_xml import SECONDS
from tickets.gates.registry import Reason

Read = TypeVar("Read")
Key = tuple[Callable[[bytes], Any], str]  # what reads it, and the hash of the content
KEPT = 128  # findings kept in memory, at most about 200 KB each
HOW = {
    "test_results": "submit the JUnit XML of the last run as the tool wrote it, neither merged nor edited",
    "test_coverage": "submit the Cobertura XML (`coverage xml`) of the last run as the tool wrote it",
    "code_changes": 'submit JSON: {"commit": "4f2a91c", "files": ["src/pay.py", "tests/test_pay.py"]}',
}
_guard = threading.Lock()
_turns: WeakValueDictionary[int, threading.Lock] = WeakValueDictionary()


def missing(check: str, kind: str) -> Reason:
    return Reason(check, "artifact_missing", kind, None, f"submit an artifact of type {kind} for this phase")


def unreadable(check: str, kind: str, why: str) -> Reason:
    return Reason(check, "evidence_unreadable", kind, why, HOW.get(kind, f"submit the {kind} as UTF-8 text"))


def reading(check: str, case: Any, kind: str, read: Callable[[bytes], Read], artifact: Any = None) -> Any:
    """The result of `read` for the newest artifact of this type, or for this artifact of it. If there is
    none, yields the reason and returns None.
    """
    newest = artifact or case.newest(kind)
    if newest is None:
        yield missing(check, kind)
        return None
    if newest.blob.size > evidence.LARGEST:
        yield Reason(
            check,
            "evidence_too_large",
            evidence.LARGEST,
            newest.blob.size,
            "submit a smaller file: checks read up to 10 MiB",
        )
        return None
    try:
        return _read(case.ticket.pk, newest.blob, read)
    except evidence.TooSlow:
        how = f"submit a smaller or simpler {kind}: reading it may take at most {SECONDS:g} s of CPU time"
        yield Reason(check, "evidence_too_slow", SECONDS, None, how)
    except evidence.Unreadable as error:
        yield unreadable(check, kind, str(error))
    return None


def _read(ticket: int, blob: Any, read: Callable[[bytes], Read]) -> Read:
    """What `read` found, within the time that the gate has. A file in the database is fetched before, on the
    connection of the judgement, whose statements are limited.
    """
    key = (read, blob.hash)
    if (found := _findings.get(key)) is None:
        fetched = None if getattr(blob, "location", "") else b"".join(blob.pieces())
        found = time_limit.within(partial(_read_in_turn, ticket, key, blob, fetched))
    if isinstance(found, evidence.Unreadable):
        raise evidence.Unreadable(str(found))
    return cast("Read", found)


def _read_in_turn(ticket: int, key: Key, blob: Any, fetched: bytes | None) -> Any:
    """The finding, or Unreadable, which is remembered too. Raises TooSlow, which is not: the machine may have
    been slow.
    """
    with _turn(ticket):
        if (found := _findings.get(key)) is None:
            try:
                found = key[0](b"".join(blob.pieces()) if fetched is None else fetched)
            except evidence.Unreadable as fault:
                found = evidence.Unreadable(str(fault))
            _findings.keep(key, found)
        return found


@contextmanager
def _turn(ticket: int) -> Iterator[None]:
    """One reading at a time per ticket, so that a ticket with slow files does not block the others. Who waits
    for a storage that does not answer waits no longer than the gate has time.
    """
    with _guard:
        turn = _turns.setdefault(ticket, threading.Lock())
    if not turn.acquire(timeout=time_limit.left() or -1):
        raise time_limit.TimeUp
    try:
        yield
    finally:
        turn.release()


class _Findings:
    """The findings in recent files, by the hash of their content, so that looking at a gate again reads
    nothing again.
    """

    def __init__(self) -> None:
        self._results: OrderedDict[Key, Any] = OrderedDict()

    def get(self, key: Key) -> Any:
        with _guard:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def keep(self, key: Key, found: Any) -> None:
        with _guard:
            self._results[key] = found
            while len(self._results) > KEPT:
                self._results.popitem(last=False)


_findings = _Findings()
