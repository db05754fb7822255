"""A coverage report in Cobertura's format, counted line by line."""

from __future__ import annotations

import heapq
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tickets.gates.evidence.bounded_xml import Unreadable, elements, quoted

HOLDS: dict[str, set[str]] = {  # what each element may contain; "" is the file
    "": {"coverage"},
    "coverage": {"sources", "packages"},
    "sources": {"source"},
    "packages": {"package"},
    "package": {"classes"},
    "classes": {"class"},
    "class": {"methods", "lines"},
    "methods": {"method"},
    "method": {"lines"},
    "lines": {"line"},
    "line": {"conditions"},
    "conditions": {"condition"},
}
RATE = re.compile(
    r"(0(\.[0-9]{1,30})?|1(\.0{1,30})?|[0-9](\.[0-9]{1,30})?[eE]-[0-9]{1,2})"
)  # Java writes small numbers with an exponent
TOTALS = ("lines-valid", "lines-covered")  # the totals that every report states
TOLERANCE = 0.01  # of a stated rate: tools round, and count a line of two classes once or twice


LISTED = 200  # files that are listed, each with so many characters of its path
LONGEST_PATH = 200


class FileCoverage(NamedTuple):
    path: str
    covered: int
    lines: int

    @property
    def missed(self) -> int:
        return self.lines - self.covered


class Coverage(float):
    """Percent of the lines that were hit, 0 to 100. contradiction: how the report's totals differ from its
    lines; empty if they match.

    lines, covered: the number of lines, and of those that were hit. files: those with most lines not hit.
    """

    contradiction = ""
    lines = covered = 0
    files: Sequence[FileCoverage] = ()


@dataclass
class _Reading:
    totals: dict[str, str] = field(default_factory=dict)
    lines: dict[str, dict[int, bool]] = field(default_factory=dict)  # by file and number: whether it was hit
    file: dict[int, bool] = field(default_factory=dict)  # the lines of the present file
    all: int = 0  # lines, including repeated ones
    hit: int = 0

    def begin(self, path: list[str], attributes: Mapping[str, str]) -> None:
        name = path[-1]
        if name == "line":
            number, hits = _whole(attributes, "number", 9), _whole(attributes, "hits", 18)
            if number < 1:
                raise Unreadable("a line has the number 0; lines are counted from 1")
            if path[-3] == "class":  # the lines of its methods are repetitions
                self.all += 1
                self.hit += hits > 0
                self.file[number] = self.file.get(number, False) or hits > 0
            return
        if (rate := attributes.get("line-rate", "").strip()) and not RATE.fullmatch(rate):
            raise Unreadable(f'<{name}> has line-rate="{quoted(rate)}", which is not a number from 0 to 1')
        if name == "class":
            place = attributes.get("filename", "").strip().replace("\\", "/")
            if not place:
                raise Unreadable("a <class> does not name its file")
            self.file = self.lines.setdefault(posixpath.normpath(place), {})
        elif name == "coverage":
            self.totals = {key: attributes.get(key, "").strip() for key in ("line-rate", *TOTALS)}
            for key in TOTALS:
                if self.totals[key]:
                    _whole(attributes, key, 12)


def coverage(content: bytes) -> Coverage:
    """Raises Unreadable, TooSlow."""
    report = _Reading()
    elements(content, "Cobertura", HOLDS, report.begin, doctype=True)
    valid = sum(map(len, report.lines.values()))
    if not valid:
        raise Unreadable("it has no lines of code")
    if lacking := [key for key in TOTALS if not report.totals.get(key)]:
        raise Unreadable(f"it lacks {' and '.join(lacking)}: without its totals it may be incomplete")
    covered = sum(sum(lines.values()) for lines in report.lines.values())
    expected = {
        "line-rate": (covered / valid, report.hit / report.all),
        "lines-valid": (valid, report.all),
        "lines-covered": (covered, report.hit),
    }
    wrong = next(
        (key for key, value in report.totals.items() if value and not _near(float(value), expected[key])), ""
    )
    measured = Coverage(100 * covered / valid)
    measured.lines, measured.covered = valid, covered
    measured.files = _worst(report.lines)
    if wrong:
        measured.contradiction = (
            f'it states {wrong}="{report.totals[wrong]}", but its lines give {expected[wrong][0]:.6g}'
        )
    return measured


def _worst(lines: Mapping[str, Mapping[int, bool]]) -> Sequence[FileCoverage]:
    files = [FileCoverage(path, sum(hit.values()), len(hit)) for path, hit in lines.items()]
    worst = heapq.nlargest(LISTED, files, key=lambda file: file.missed)
    return tuple(file._replace(path=file.path[:LONGEST_PATH]) for file in worst)


def _near(value: float, counted: tuple[float, float]) -> bool:
    return any(abs(value - expected) <= TOLERANCE * max(1, expected) + 1e-9 for expected in counted)


def _whole(attributes: Mapping[str, str], name: str, digits: int) -> int:
    value = attributes.get(name, "").strip()
    if not value.isascii() or not value.isdigit() or len(value) > digits:
        raise Unreadable(
            f'{name}="{quoted(value)}" is not a whole number of up to {digits} digits'
            if value
            else f"a line has no {name}"
        )
    return int(value)
