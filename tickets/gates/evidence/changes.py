"""The files of a change, from a JSON list."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from tickets.gates.evidence.bounded_xml import Unreadable
from tickets.gates.evidence.json_document import json_document

COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


@dataclass(frozen=True)
class Changes:
    """The files of a change.

    commit: the one they were changed in, as the list names it. tests: whether one of them is under `tests/`
    or named `test_*`. first: some of them, to show.
    """

    commit: str
    tests: bool
    first: tuple[str, ...]


def changes(content: bytes) -> Changes:
    commit, files = _manifest(content)
    return Changes(commit.lower(), has_tests(files), tuple(file[:200] for file in files[:20]))


def changed_files(content: bytes) -> list[str]:
    """The files of a change, `{commit, files: [path]}`. The commit has 7 to 64 hexadecimal digits."""
    return _manifest(content)[1]


def _manifest(content: bytes) -> tuple[str, list[str]]:
    read = json_document(content)
    files = read.get("files") if isinstance(read, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise Unreadable("it does not have the form {commit, files: [path, …]}")
    if not isinstance(read.get("commit"), str) or not COMMIT.fullmatch(read["commit"]):
        raise Unreadable("`commit` must have 7 to 64 hexadecimal digits, as git shows it")
    return read["commit"], files


def has_tests(files: Iterable[str]) -> bool:
    """Whether one of them is under `tests/` or named `test_*`."""
    paths = (PurePosixPath(file.replace("\\", "/")) for file in files)
    return any("tests" in path.parts[:-1] or path.name.startswith("test_") for path in paths)
