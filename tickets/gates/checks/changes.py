"""Checks of the change itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates import evidence
from tickets.gates.checks.reading import reading
from tickets.gates.registry import Reason, gate_check


@gate_check("has_tests")
def has_tests(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The change has tests."""
    changes = yield from reading("has_tests", case, "code_changes", evidence.changes)
    if changes is not None and not changes.tests:
        how = "add tests to the change, then submit it again"
        yield Reason("has_tests", "no_tests", "a file under tests/ or named test_*", list(changes.first), how)
