"""Reads a JUnit report strictly: an unknown element, outcome or total makes it unreadable, never a pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tickets.gates.evidence.bounded_xml import Unreadable, elements, quoted

ASIDE = {"properties", "property", "attachments", "attachment", "system-out", "system-err"}
RERUNS = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
HOLDS: dict[str, set[str]] = {  # what each element may contain, in any dialect; "" is the file
    "": {"testsuites", "testsuite"},
    "testsuites": ASIDE | {"testsuite"},
    "testsuite": ASIDE | {"testsuite", "testcase", "error", "failure"},
    "testcase": ASIDE | RERUNS | {"failure", "error", "skipped"},
    "properties": {"property"},
    "attachments": {"attachment"},
    "attachment": {"filePath", "description"},
} | {rerun: {"stackTrace", "system-out", "system-err"} for rerun in RERUNS}
OUTCOMES = {"skipped": "skipped"} | dict.fromkeys(
    {"failure", "error"} | RERUNS, "failed"
)  # even if another run of the test passed
STATES = (
    dict.fromkeys(
        ("run", "passed", "pass", "success", "successful", "succeeded", "ok", "completed"), "passed"
    )
    | dict.fromkeys(
        (
            "failed",
            "fail",
            "failure",
            "error",
            "errored",
            "broken",
            "timeout",
            "timedout",
            "crashed",
            "aborted",
        ),
        "failed",
    )
    | dict.fromkeys(
        ("notrun", "skipped", "skip", "disabled", "ignored", "suppressed", "pending", "todo"), "skipped"
    )
)
SAYS = {"status", "result", "outcome"}  # attributes of a test case with its state
GOOD, BAD = {"success", "passed"}, {"failed", "failure", "error"}  # attributes with a yes or no
YES, NO = {"true", "yes", "1"}, {"false", "no", "0", ""}
FAILURES = {"failures", "failure", "failed", "errors", "error", "errored", "flakes"}  # totals of a suite
SKIPS = {"skipped", "skips", "disabled", "ignored"}


NAMED = 50  # failed test cases that are named, each in so many characters
LONGEST_NAME = 200


@dataclass(frozen=True)
class Tests:
    """The counts of a report, test case by test case. failing: the first names of those that failed."""

    total: int
    failed: int
    skipped: int
    failing: tuple[str, ...] = field(default=(), compare=False)


@dataclass
class _Suite:
    """A suite during reading: its stated totals, and its counts; `direct` excludes nested suites."""

    name: str
    tests: int | None = None
    failures: int = 0
    skips: int = 0
    total: int = 0
    direct: int = 0
    failed: int = 0
    skipped: int = 0

    def contradiction(self) -> str:
        ran = (
            self.total - self.skipped
        )  # some tools leave skipped tests out of their totals, some leave nested suites out
        if self.tests is not None and self.tests not in (self.total, self.direct, ran):
            return f"<{self.name}> states {self.tests} tests, but contains {self.total}"
        if self.failures and not self.failed:
            return f"<{self.name}> states failures or errors, but none of its test cases has one"
        if self.skips > self.skipped:
            return f"<{self.name}> states {self.skips} skipped tests, but contains {self.skipped}"
        return ""


@dataclass
class _Reading:
    suites: list[_Suite] = field(default_factory=lambda: [_Suite("")])
    outcomes: set[str] = field(default_factory=set)  # of the present test case
    name: str = ""  # its name
    failing: list[str] = field(default_factory=list)
    contradiction: str = ""

    def begin(self, path: list[str], attributes: Mapping[str, str]) -> None:
        parent, name = path[-2:]
        if name in ("testsuites", "testsuite"):
            self.suites.append(_suite(name, attributes))
        elif name == "testcase":
            self.outcomes = set(_said(attributes))
            self.name = _name(attributes)
        elif name in OUTCOMES and parent == "testcase":
            self.outcomes.add(OUTCOMES[name])
        elif (
            name in OUTCOMES and parent == "testsuite"
        ):  # a suite whose setup failed has an error and no test case
            self.suites[-1].failed += 1

    def end(self, name: str) -> None:
        suite = self.suites[-1]
        if name == "testcase":
            suite.total += 1
            suite.direct += 1
            suite.failed += "failed" in self.outcomes
            if "failed" in self.outcomes and len(self.failing) < NAMED:
                self.failing.append(self.name)
            suite.skipped += "skipped" in self.outcomes and "failed" not in self.outcomes
        elif name in ("testsuites", "testsuite"):
            self.suites.pop()
            self.contradiction = self.contradiction or suite.contradiction()
            around = self.suites[-1]
            around.total += suite.total
            around.failed += suite.failed
            around.skipped += suite.skipped


def tests(content: bytes) -> Tests:
    """Raises Unreadable, TooSlow."""
    report = _Reading()
    elements(content, "JUnit", HOLDS, report.begin, report.end)
    root = report.suites[0]
    if (
        report.contradiction and not root.failed
    ):  # a failed test keeps the gate closed, whatever the totals say
        raise Unreadable(report.contradiction)
    return Tests(root.total, root.failed, root.skipped, tuple(report.failing))


def _name(attributes: Mapping[str, str]) -> str:
    parts = [attributes.get(key, "").strip()[:LONGEST_NAME] for key in ("classname", "name")]
    return "::".join(filter(None, parts))[:LONGEST_NAME]


def _suite(name: str, attributes: Mapping[str, str]) -> _Suite:
    suite = _Suite(name)
    for key, value in attributes.items():
        key = key.lower()
        if key == "tests":
            suite.tests = _total(key, value)
        elif key in FAILURES:
            suite.failures += _total(key, value) or 0
        elif key in SKIPS:
            suite.skips = max(suite.skips, _total(key, value) or 0)
    return suite


def _total(name: str, value: str) -> int | None:
    """The number; None if the tool left it empty."""
    value = value.strip()
    if value and not re.fullmatch(r"[0-9]{1,9}", value):
        raise Unreadable(f'{name}="{quoted(value)}" is not a whole number')
    return int(value) if value else None


def _said(attributes: Mapping[str, str]) -> list[str]:
    """The outcomes in a test case's attributes."""
    said = []
    for name, value in attributes.items():
        name, word = name.lower(), re.sub(r"[\s_-]", "", value[:200].lower())
        if name in SAYS and word in STATES:
            said.append(STATES[word])
        elif name in SAYS or (name in GOOD and word not in YES | NO):
            raise Unreadable(f'a test case has {name}="{quoted(value)}", which is not a known value')
        elif (name in GOOD and word in NO) or (name in BAD and word not in NO):
            said.append("failed")
    return said
