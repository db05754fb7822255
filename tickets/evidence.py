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
        raise Unreadable(f"it is <{root.tag}>, not a Cobertura <coverage>")
    lines: dict[tuple[str, str], bool] = {}
    for file in root.iter("class"):
        for line in file.iterfind("lines/line"):
            place = (file.get("filename", ""), line.get("number", ""))
            lines[place] = lines.get(place, False) or _count(line, "hits") > 0
    if not lines:
        raise Unreadable("it tells of no line of code")
    return 100 * sum(lines.values()) / len(lines)


def tests(content: bytes) -> Tests:
    root = _xml(content)
    if root.tag not in ("testsuites", "testsuite"):
        raise Unreadable(f"it is <{root.tag}>, not a JUnit <testsuites>")
    cases = list(root.iter("testcase"))
    failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
    # a suite that could not be set up has an error and no case
    failed += sum(1 for suite in root.iter("testsuite") if suite.find("error") is not None)
    return Tests(len(cases), failed, sum(1 for case in cases if case.find("skipped") is not None))


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
        raise Unreadable(f"it is not XML we read: {error}") from error


def _count(element: Element, name: str) -> int:
    try:
        return int(element.get(name, "0"))
    except ValueError as error:
        raise Unreadable(f"{name} is no number: {element.get(name)}") from error
