"""Checks of what test tools report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates import evidence
from tickets.gates.checks.reading import reading, unreadable
from tickets.gates.registry import Reason, gate_check


@gate_check(
    "min_coverage",
    parameters={
        "percent": {
            "type": "number",
            "minimum": 0,
            "maximum": 100,
            "title": "Percent",
            "description": "The least coverage, of 100.",
        }
    },
    optional={
        "lines": {
            "type": "integer",
            "minimum": 1,
            "title": "Lines",
            "description": "The least number of lines of code in the report. Without it: 1.",
        },
        "claimed": {
            "type": "boolean",
            "title": "Claimed",
            "description": "true: the artifact is JSON {percent, lines} that the agent claims, not a report."
            " Without it, claims do not count.",
        },
    },
)
def min_coverage(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The Cobertura report has enough lines, and enough of them were hit."""
    read = evidence.claimed_coverage if needs.get("claimed") else evidence.coverage
    coverage = yield from reading("min_coverage", case, "test_coverage", read)
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
