"""How a check reads the newest artifact of a type: once per content, and for each ticket one at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from tickets.gates import evidence, time_limit
from tickets.gates.evidence.bounded_xml import SECONDS
from tickets.gates.registry import Reason

Read = TypeVar("Read")
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
    fetched = None
    if not getattr(blob, "location", "") and not _findings.have(blob, read):
        fetched = b"".join(blob.pieces())

    def in_turn() -> Read:
        with _turn(ticket):
            return _findings.of(blob, read, fetched)

    return time_limit.within(in_turn)


def _turn(ticket: int) -> threading.Lock:
    """A lock that allows one reading at a time per ticket, so that a ticket with slow files does not block
    the others.
    """
    with _guard:
        return _turns.setdefault(ticket, threading.Lock())


class _Findings:
    """The findings in recent files, by the hash of their content, so that looking at a gate again reads
    nothing again.
    """

    def __init__(self) -> None:
        self._results: OrderedDict[tuple[Any, str], Any] = OrderedDict()

    def have(self, blob: Any, read: Callable[[bytes], Any]) -> bool:
        with _guard:
            return (read, blob.hash) in self._results

    def of(self, blob: Any, read: Callable[[bytes], Read], fetched: bytes | None = None) -> Read:
        """fetched: the content, if it was read before. Raises Unreadable, which is remembered too, and
        TooSlow, which is not: the machine may have been slow.
        """
        key = (read, blob.hash)
        with _guard:
            result = self._results.pop(key, None)
        if result is None:
            try:
                result = read(b"".join(blob.pieces()) if fetched is None else fetched)
            except evidence.Unreadable as fault:
                result = evidence.Unreadable(str(fault))
        with _guard:
            self._results[key] = result
            while len(self._results) > KEPT:
                self._results.popitem(last=False)
        if isinstance(result, evidence.Unreadable):
            raise evidence.Unreadable(str(result))
        return result


_findings = _Findings()
