"""Evidence: what the server itself reads in a submitted file.

Claims beside the file, or totals in it, do not count.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

from tickets.gates.bounded_xml import LARGEST, Budget, TooSlow, Unreadable
from tickets.gates.cobertura import Coverage, coverage
from tickets.gates.junit import Tests, tests
from tickets.gates.markdown import Reader

__all__ = [
    "LARGEST",
    "Changes",
    "Coverage",
    "Document",
    "Tests",
    "TooSlow",
    "Unreadable",
    "changed_files",
    "changes",
    "coverage",
    "document",
    "has_tests",
    "slug",
    "tests",
]

LONGEST = 256 << 10  # bytes of a document: Markdown is parsed in pure Python, and some of it slowly
BLOCKS = 20_000  # headings, paragraphs, list items … in a document
HEADINGS = 1_000
MANIFEST = 1 << 20  # bytes of a list of changed files
COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


@dataclass(frozen=True)
class Document:
    """A Markdown document: its number of visible characters (a run of blanks counts one, a break between
    blocks two), and its headings as slugs.
    """

    length: int
    sections: frozenset[str]
    hides: str = ""  # the start tag that hid the most text


@dataclass(frozen=True)
class Changes:
    """The files of a change.

    tests: whether one of them is under `tests/` or named `test_*`. first: some of them, to show.
    """

    tests: bool
    first: tuple[str, ...]


def _count(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """A parser rule that never matches, but is called for each block."""
    state.env["budget"].check()
    state.env["blocks"] += 1
    if state.env["blocks"] > BLOCKS:
        raise Unreadable(f"a document may have at most {BLOCKS} blocks (headings, paragraphs, list items)")
    return False


MARKDOWN = MarkdownIt().disable(
    ["inline", "reference"]
)  # block rules are enough for headings; the other rules take minutes for a text made to be slow
MARKDOWN.block.ruler.before("table", "count", _count)


def document(content: bytes) -> Document:
    if len(content) > LONGEST:
        raise Unreadable(f"a document may have at most {LONGEST >> 10} KiB")
    tokens = MARKDOWN.parse(_text(content), {"blocks": 0, "budget": Budget()})
    reader, blocks, sections = Reader(), [], set()
    for before, token in itertools.pairwise([None, *tokens]):
        if token and token.content:
            read = {"inline": reader.text, "html_block": reader.html}.get(token.type, reader.code)
            shown = read(token.content)
            if before and before.type == "heading_open":
                sections.add(slug(shown[:200]))
                shown = shown and f"{before.markup} {shown}"
            blocks.append(shown)
    if len(sections) > HEADINGS:
        raise Unreadable(f"a document may have at most {HEADINGS} headings")
    return Document(len("\n\n".join(filter(None, blocks))), frozenset(sections), reader.hides)


def slug(heading: str) -> str:
    """`Acceptance criteria` and `acceptance_criteria` are the same section."""
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")


def changes(content: bytes) -> Changes:
    files = changed_files(content)
    return Changes(has_tests(files), tuple(file[:200] for file in files[:20]))


def changed_files(content: bytes) -> list[str]:
    """The files of a change, `{commit, files: [path]}`. The commit has 7 to 64 hexadecimal digits."""
    if len(content) > MANIFEST:
        raise Unreadable(f"a list of changed files may have at most {MANIFEST >> 20} MiB")
    try:
        read: Any = json.loads(_text(content))
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is not JSON") from error
    files = read.get("files") if isinstance(read, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise Unreadable("it does not have the form {commit, files: [path, …]}")
    if not isinstance(read.get("commit"), str) or not COMMIT.fullmatch(read["commit"]):
        raise Unreadable("`commit` must have 7 to 64 hexadecimal digits, as git shows it")
    return files


def has_tests(files: Iterable[str]) -> bool:
    """Whether one of them is under `tests/` or named `test_*`."""
    paths = (PurePosixPath(file.replace("\\", "/")) for file in files)
    return any("tests" in path.parts[:-1] or path.name.startswith("test_") for path in paths)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 (byte {error.start})") from error
