"""Chooses how an artifact is shown: by its content first, then by its type and the end of its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tickets.gates import evidence
from tickets.models import Artifact
from tickets.models.gate.blob import LARGEST, Damaged
from tickets.pages.previews import diff, markdown, picture, text

MARKDOWN = re.compile(r"\.(md|markdown|mdown)\Z", re.IGNORECASE)
NAMED = re.compile(r"\.[a-z0-9]{1,8}\Z", re.IGNORECASE)  # the end of a name that says what the file is
WRITTEN = re.compile(r"(document|notes|plan|review|requirements|design|report|summary)\Z")
REPORTS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "test_results": ("junit", evidence.tests),
    "test_coverage": ("coverage", evidence.coverage),
}
ROOTS = {b"<testsuites": "test_results", b"<testsuite": "test_results", b"<coverage": "test_coverage"}


@dataclass(frozen=True)
class Preview:
    """`kind` names the template that draws `data`. `note`: a sentence about what is not shown as it is.

    drawn: whether it is more than the plain text, which can be shown instead.
    """

    kind: str
    data: Any = None
    note: str = ""
    drawn: bool = False

    @property
    def template(self) -> str:
        return f"tickets/artifacts/previews/_{self.kind}.html"


def preview_of(artifact: Artifact, *, plain: bool = False, most: int = LARGEST) -> Preview:
    """plain: a text is shown as it is. most: bytes of content that are read for it."""
    if artifact.blob.size > most:
        return Preview("large")
    try:
        return _preview_of(artifact, plain=plain)
    except Damaged as error:
        return Preview("damaged", error)


def _preview_of(artifact: Artifact, *, plain: bool) -> Preview:
    size = artifact.blob.size
    if not size:
        return Preview("empty")
    head = artifact.blob.head(max(text.HEAD, evidence.LARGEST, picture.LARGEST))
    if picture.looks_like_one(head):
        return _picture(head, size)
    read = text.decoded(head[: text.HEAD], size)
    if read is None:
        return Preview("binary")
    drawn = None if plain else _report(artifact, head, size) or _text(artifact, read, size)
    if drawn:
        return drawn
    return _plain(*read, cut=size > text.HEAD)


def _plain(shown: str, note: str, *, cut: bool) -> Preview:
    lines = text.text_of(shown, note, cut=cut)
    return Preview("text", lines, lines.note)


def _picture(content: bytes, size: int) -> Preview:
    if size > picture.LARGEST:
        return Preview("binary", note=f"Pictures of up to {picture.LARGEST >> 20} MiB are shown.")
    try:
        return Preview("picture", picture.picture(content))
    except picture.Unshowable as why:
        return Preview("binary", note=str(why))


def _report(artifact: Artifact, content: bytes, size: int) -> Preview | None:
    """A report of tests or of coverage, as the checks read it."""
    root = re.search(rb"<[a-z]+", content[:1_000])
    kind = artifact.type if artifact.type in REPORTS else ROOTS.get(root[0] if root else b"")
    if kind is None:
        return None
    name, read = REPORTS[kind]
    if size > evidence.LARGEST:
        return None
    try:
        return Preview(name, read(content), drawn=True)
    except evidence.TooSlow:
        why = "reading it takes too long"
    except evidence.Unreadable as error:
        why = str(error)
    plain = _plain(*(text.decoded(content[: text.HEAD], size) or ("", "")), cut=size > text.HEAD)
    return Preview("text", plain.data, f"It cannot be read as a report: {why}. {plain.note}".strip())


def _text(artifact: Artifact, read: tuple[str, str], size: int) -> Preview | None:
    """A diff or Markdown. read: the text and a note about its encoding."""
    name = artifact.path or artifact.name
    shown, note = read
    if diff.is_diff(shown):
        lines, cut = text.lines_of(shown)
        note = f"{note} Only its beginning is shown." if cut or size > text.HEAD else note
        return Preview("diff", diff.read(lines), note.strip(), drawn=True)
    written = MARKDOWN.search(name) or (WRITTEN.search(artifact.type) and not NAMED.search(name))
    if not written or shown.lstrip()[:1] in ("{", "<"):
        return None
    if size > markdown.LONGEST:
        return _plain(shown, f"{note} It is too long to be drawn.".strip(), cut=size > text.HEAD)
    try:
        return Preview("markdown", markdown.html_of(shown), note, drawn=True)
    except markdown.TooIntricate:
        return _plain(shown, f"{note} It is too complex to be drawn.".strip(), cut=size > text.HEAD)
