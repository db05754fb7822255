"""Rows of the checks of what tools report, and of the list of changes."""

from __future__ import annotations

from tests.support import reports
from tests.tickets.gates.rows import Row, Spoiled

BY_ANOTHER_CHECK = "evidence_of_commit compares the commits of reports"


def hand_in(kind: str, content: bytes):
    return lambda scene: scene.submit(kind, content)


ROWS = {
    "has_tests": Row(
        {},
        hand_in("code_changes", reports.changes("pay.py", "tests/test_pay.py")),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("no_tests", hand_in("code_changes", reports.changes("pay.py"))),
        of_another_commit=BY_ANOTHER_CHECK,
        malformed=Spoiled("evidence_unreadable", hand_in("code_changes", b'{"commit": "4f2a91c", "files":')),
        contradictory=Spoiled(
            "evidence_unreadable", hand_in("code_changes", b'{"commit": "none", "files": ["tests/a.py"]}')
        ),
    ),
    "min_coverage": Row(
        {"percent": 80},
        hand_in("test_coverage", reports.cobertura(9, 1)),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("coverage_low", hand_in("test_coverage", reports.cobertura(7, 3))),
        of_another_commit=BY_ANOTHER_CHECK,
        malformed=Spoiled("evidence_unreadable", hand_in("test_coverage", b'{"percent": 99}')),
        contradictory=Spoiled(
            "evidence_unreadable",
            hand_in(
                "test_coverage",
                reports.cobertura(9, 1, claims='line-rate="1" lines-valid="10" lines-covered="10"'),
            ),
        ),
    ),
    "tests_passed": Row(
        {},
        hand_in("test_results", reports.junit(3)),
        absent=Spoiled("artifact_missing"),
        old=Spoiled("tests_failed", hand_in("test_results", reports.junit(3, 1))),
        of_another_commit=BY_ANOTHER_CHECK,
        malformed=Spoiled("evidence_unreadable", hand_in("test_results", b"3 passed in 0.1 s")),
        contradictory=Spoiled(
            "evidence_unreadable",
            hand_in("test_results", b'<testsuite tests="3" failures="1"><testcase name="a"/></testsuite>'),
        ),
    ),
}
