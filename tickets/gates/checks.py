"""The gate checks that Omoi ships.

Each takes the newest artifact of a type from the case (`tickets.models.gate.verdict.Case`) and reads it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from tickets.gates import evidence
from tickets.gates.bounded_xml import SECONDS
from tickets.gates.evidence import Unreadable
from tickets.gates.registry import Reason, gate_check

TYPE = {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,99}$"}
Read = TypeVar("Read")
KEPT = 128  # findings kept in memory, at most about 200 KB each
MEND = {
    "test_results": "submit the JUnit XML of the last run as the tool wrote it, neither merged nor edited",
    "test_coverage": "submit the Cobertura XML (`coverage xml`) of the last run as the tool wrote it",
    "code_changes": 'submit JSON: {"commit": "4f2a91c", "files": ["src/pay.py", "tests/test_pay.py"]}',
}
_guard = threading.Lock()
_turns: WeakValueDictionary[int, threading.Lock] = WeakValueDictionary()


@gate_check("artifact", parameters={"type": TYPE})
def artifact(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The artifact exists."""
    if case.newest(needs["type"]) is None:
        yield missing("artifact", needs["type"])


@gate_check("min_length", parameters={"type": TYPE, "length": {"type": "integer", "minimum": 1}})
def min_length(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """A document of at least so many characters."""
    document = yield from reading("min_length", case, needs["type"], evidence.document)
    if document and document.length < needs["length"]:
        how = f"add {needs['length'] - document.length} more visible characters, then submit it again"
        if document.hides:
            how += f"; text inside {document.hides} is hidden from readers and not counted"
        yield Reason("min_length", "too_short", needs["length"], document.length, how)


@gate_check(
    "sections",
    parameters={"type": TYPE, "sections": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
)
def sections(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """A document with these headings."""
    document = yield from reading("sections", case, needs["type"], evidence.document)
    if document and (
        lacking := [name for name in needs["sections"] if evidence.slug(name) not in document.sections]
    ):
        how = f"add a heading for each of {', '.join(lacking)}, then submit it again"
        yield Reason("sections", "sections_missing", needs["sections"], sorted(document.sections), how)


@gate_check(
    "min_coverage",
    parameters={"percent": {"type": "number", "minimum": 0, "maximum": 100}},
    optional={
        "lines": {
            "type": "integer",
            "minimum": 1,
            "description": "minimum number of lines of code in the report",
        }
    },
)
def min_coverage(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The Cobertura report has enough lines, and enough of them were hit."""
    coverage = yield from reading("min_coverage", case, "test_coverage", evidence.coverage)
    if coverage is None:
        return
    if coverage < needs["percent"]:
        how = "test more lines, then submit the coverage.xml of the last commit"
        yield Reason("min_coverage", "coverage_low", needs["percent"], round(float(coverage), 2), how)
    elif coverage.lines < needs.get("lines", 1):
        how = "submit the report of all the code, not of a part of it"
        yield Reason("min_coverage", "too_few_lines", needs["lines"], coverage.lines, how)
    elif coverage.contradiction:
        yield unreadable("min_coverage", "test_coverage", coverage.contradiction)


@gate_check("has_tests")
def has_tests(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The change has tests."""
    changes = yield from reading("has_tests", case, "code_changes", evidence.changes)
    if changes is not None and not changes.tests:
        how = "add tests to the change, then submit it again"
        yield Reason("has_tests", "no_tests", "a file under tests/ or named test_*", list(changes.first), how)


@gate_check("tests_passed")
def tests_passed(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """Every test case of the JUnit report passed, and there is at least one."""
    tests = yield from reading("tests_passed", case, "test_results", evidence.tests)
    if tests is None:
        return
    if tests.failed:
        yield Reason(
            "tests_passed", "tests_failed", 0, tests.failed, "make them pass, then submit the new report"
        )
    elif tests.total - tests.skipped < 1:
        yield Reason("tests_passed", "no_tests_run", 1, 0, "submit a report of tests that ran")


@gate_check("tasks_completed")
def tasks_completed(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The phase has tasks, and all that were not cancelled are completed."""
    counts = case.tasks()
    left, failed = counts["pending"] + counts["claimed"], counts["failed"]
    if failed:
        yield Reason("tasks_completed", "tasks_failed", 0, failed, "retry or cancel the failed tasks")
    if left:
        yield Reason("tasks_completed", "tasks_open", 0, left, "complete or cancel the open tasks")
    if not (failed or left or counts["completed"]):
        yield Reason("tasks_completed", "no_tasks", 1, 0, "add a task to this phase and complete it")


def missing(check: str, kind: str) -> Reason:
    return Reason(check, "artifact_missing", kind, None, f"submit an artifact of type {kind} for this phase")


def unreadable(check: str, kind: str, why: str) -> Reason:
    return Reason(check, "evidence_unreadable", kind, why, MEND.get(kind, f"submit the {kind} as UTF-8 text"))


def reading(check: str, case: Any, kind: str, read: Callable[[bytes], Read]) -> Any:
    """The result of `read` for the newest artifact of this type. If there is none, yields the reason and
    returns None.
    """
    newest = case.newest(kind)
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
        with _turn(case.ticket.pk):
            return _findings.of(newest.blob, read)
    except evidence.TooSlow:
        how = f"submit a smaller or simpler {kind}: reading it may take at most {SECONDS:g} s of CPU time"
        yield Reason(check, "evidence_too_slow", SECONDS, None, how)
    except Unreadable as error:
        yield unreadable(check, kind, str(error))
    return None


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

    def of(self, blob: Any, read: Callable[[bytes], Read]) -> Read:
        """Raises Unreadable, which is remembered too, and TooSlow, which is not: the machine may have been
        slow.
        """
        key = (read, blob.hash)
        with _guard:
            result = self._results.pop(key, None)
        if result is None:
            try:
                result = read(b"".join(blob.pieces()))
            except Unreadable as fault:
                result = Unreadable(str(fault))
        with _guard:
            self._results[key] = result
            while len(self._results) > KEPT:
                self._results.popitem(last=False)
        if isinstance(result, Unreadable):
            raise Unreadable(str(result))
        return result


_findings = _Findings()
