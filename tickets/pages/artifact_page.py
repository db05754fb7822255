"""The page of one artifact, and the comparison of two of its revisions."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlencode

from omoi_site.database import sql
from tickets.models import Artifact, Ticket
from tickets.pages.previews import text
from tickets.pages.previews.diff import Line, compared, shortened
from tickets.pages.previews.preview import Preview, preview_of

REVISIONS = sql.statement(__file__, "artifact_revisions")
MOST = 100  # revisions listed


class ArtifactPage:
    """plain: its text is shown as it is."""

    def __init__(self, ticket: Ticket, artifact: Artifact, *, plain: bool = False) -> None:
        self.ticket = ticket
        self.artifact = artifact
        self.plain = plain

    @cached_property
    def preview(self) -> Preview:
        return preview_of(self.artifact, plain=self.plain)

    @cached_property
    def revisions(self) -> list[Artifact]:
        """The newest first, each with the `size` of its content."""
        of = {"ticket": self.ticket.pk, "phase": self.artifact.phase, "name": self.artifact.name}
        return list(Artifact.objects.raw(REVISIONS, {**of, "most": MOST}))

    @property
    def newest(self) -> Artifact:
        return self.revisions[0]

    @property
    def next_revision(self) -> str:
        """The query of the form for the next revision."""
        return urlencode({name: getattr(self.artifact, name) for name in ("type", "name", "phase")})

    @property
    def superseded(self) -> bool:
        return self.newest.pk != self.artifact.pk

    @property
    def before(self) -> Artifact | None:
        """The revision before this one."""
        return next((other for other in self.revisions if other.revision < self.artifact.revision), None)


class Comparison:
    """What differs from `old` to `new`. Raises Damaged."""

    def __init__(self, old: Artifact, new: Artifact) -> None:
        self.old = old
        self.new = new
        self.equal = old.blob_id == new.blob_id
        texts = [] if self.equal else [_text_of(artifact) for artifact in (old, new)]
        self.binary = None in texts
        self.cut = any(text.cut for text in texts if text)  # only the beginnings are compared
        self.lines: list[Line] = []
        if texts and texts[0] and texts[1]:
            self.lines = shortened(compared(texts[0].lines, texts[1].lines))

    @property
    def sides(self) -> tuple[Artifact, Artifact]:
        return self.old, self.new

    @property
    def added(self) -> int:
        return sum(line.mark == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.mark == "-" for line in self.lines)


class _Text(NamedTuple):
    lines: list[str]
    cut: bool


def _text_of(artifact: Artifact) -> _Text | None:
    """None if it is no text."""
    head = artifact.blob.head(text.HEAD)
    read = text.decoded(head, artifact.blob.size)
    if read is None:
        return None
    lines, cut = text.lines_of(read[0])
    return _Text(lines, cut or len(head) < artifact.blob.size)
