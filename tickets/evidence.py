"""Evidence: what the server itself reads in a file that was handed in. What a file, or whoever brought it, claims of itself does not count."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException
from markdown_it import MarkdownIt

LARGEST = 10 << 20  # bytes of a file a check reads
MARKDOWN = MarkdownIt().disable(["inline", "reference"])  # blocks have the headings; the rest takes minutes of a text made for that
LONGEST = 256 << 10  # bytes of a document: Markdown is read by Python alone, and some of it slowly
BLANKS = re.compile(
    r"[\s\x00-\x1f\x7f\u00ad\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]{3,}"
)

TEXTS = {"properties", "system-out", "system-err"}
RERUNS = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
JUNIT = {  # what each element of a report may hold
    "testsuites": TEXTS | {"testsuite"},
    "testsuite": TEXTS | {"testsuite", "testcase", "error", "failure"},
    "testcase": TEXTS | RERUNS | {"failure", "error", "skipped"},
}
OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"} | dict.fromkeys(RERUNS, "failed")
STATES = (
    dict.fromkeys(("run", "passed", "pass", "success", "successful", "ok", "completed"), "passed")
    | dict.fromkeys(("failed", "fail", "failure", "error"), "failed")
    | dict.fromkeys(("notrun", "skipped", "disabled", "ignored", "suppressed"), "skipped")
)


class Unreadable(Exception):
    """The file is not what its type says; the message says why."""


@dataclass(frozen=True)
class Document:
    """A Markdown document: its length in characters, where a long run of blanks or of what nobody sees counts two, and its headings as slugs."""

    length: int
    sections: frozenset[str]


@dataclass(frozen=True)
class Tests:
    """A JUnit report, counted test case by test case."""

    total: int
    failed: int
    skipped: int


def document(content: bytes) -> Document:
    if len(content) > LONGEST:
        raise Unreadable(f"a document has at most {LONGEST >> 10} KiB")
    text = _text(content).strip()
    tokens = MARKDOWN.parse(text)
    headings = (after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open")
    return Document(len(BLANKS.sub("\n\n", text).strip()), frozenset(slug(heading) for heading in headings))


def slug(heading: str) -> str:
    """`Acceptance criteria` and `acceptance_criteria` are the same section."""
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")


def coverage(content: bytes) -> float:
    """Percent of lines that were hit in a Cobertura report, counted line by line; its own totals are not read."""
    root = _xml(content)
    if root.tag != "coverage":
        raise Unreadable(f"it is <{_quoted(root.tag)}>, not a Cobertura <coverage>")
    lines: dict[tuple[str, str], bool] = {}
    for file in root.iter("class"):
        for line in file.iterfind("lines/line"):
            place = (file.get("filename", ""), line.get("number", ""))
            lines[place] = lines.get(place, False) or _count(line, "hits") > 0
    if not lines:
        raise Unreadable("it tells of no line of code")
    return 100 * sum(lines.values()) / len(lines)


def tests(content: bytes) -> Tests:
    """Read strictly: an element, an outcome or a total that is not understood makes the report unreadable, never a pass."""
    root = _xml(content)
    if root.tag not in ("testsuites", "testsuite"):
        raise Unreadable(f"it is <{_quoted(root.tag)}>, not a JUnit <testsuites>")
    for element in root.iter():
        if (known := JUNIT.get(element.tag)) is not None:
            for child in element:
                if child.tag not in known:
                    raise Unreadable(f"<{element.tag}> holds <{_quoted(child.tag)}>, which is not JUnit")
    found = _outcomes(root)
    if not found.failed:  # a report that failed keeps the gate closed whatever its totals say
        for suite in root.iter():
            if suite.tag in ("testsuites", "testsuite"):
                _agree(suite, _outcomes(suite))
    return found


def _outcomes(suite: Element) -> Tests:
    cases = [_outcome(case) for case in suite.iter("testcase")]
    # a suite that could not be set up has an error and no case
    broken = sum(1 for part in suite.iter("testsuite") if part.find("error") is not None or part.find("failure") is not None)
    return Tests(len(cases), cases.count("failed") + broken, cases.count("skipped"))


def _outcome(case: Element) -> str:
    told = {OUTCOMES[child.tag] for child in case if child.tag in OUTCOMES}
    for name in ("status", "result", "outcome"):
        if (value := case.get(name)) is not None:
            if (word := value.strip().lower()) not in STATES:
                raise Unreadable(f'a test case has {name}="{_quoted(value)}", which is not understood')
            told.add(STATES[word])
    return next((outcome for outcome in ("failed", "skipped") if outcome in told), "passed")


def _agree(suite: Element, found: Tests) -> None:
    told = {name: _total(suite, name) for name in ("tests", "failures", "errors", "skipped", "disabled")}
    if told["tests"] not in (None, found.total):
        raise Unreadable(f"<{suite.tag}> tells of {told['tests']} tests and holds {found.total}")
    if told["failures"] or told["errors"]:
        raise Unreadable(f"<{suite.tag}> tells of failures or errors that none of its test cases has")
    if max(told["skipped"] or 0, told["disabled"] or 0) > found.skipped:
        raise Unreadable(f"<{suite.tag}> tells of more skipped tests than the {found.skipped} it holds")


def _total(suite: Element, name: str) -> int | None:
    value = suite.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise Unreadable(f'{name}="{_quoted(value)}" is no whole number')
    return int(value)


def _quoted(text: str) -> str:
    """What a reason quotes of a file: one short line that can be printed."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80])


def changed_files(content: bytes) -> list[str]:
    """The files of a change, `{commit, files: [path]}`."""
    try:
        told = json.loads(_text(content))
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is not JSON") from error
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files) or not isinstance(told.get("commit"), str):
        raise Unreadable("it is not {commit, files: [path, …]}")
    return files


def has_tests(files: Iterable[str]) -> bool:
    """Whether one of them lies under `tests/` or is named `test_*`."""
    paths = [PurePosixPath(file.replace("\\", "/")) for file in files]
    return any("tests" in path.parts[:-1] or path.name.startswith("test_") for path in paths)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 (byte {error.start})") from error


def _xml(content: bytes) -> Element:
    try:
        return defusedxml.ElementTree.fromstring(content, forbid_dtd=False)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable(f"it is not XML we read: {_quoted(str(error))}") from error


def _count(element: Element, name: str) -> int:
    try:
        return int(element.get(name, "0"))
    except ValueError as error:
        raise Unreadable(f"{name} is no number: {_quoted(element.get(name, ''))}") from error
