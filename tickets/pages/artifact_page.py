"""The page of one artifact, and the comparison of two of its revisions."""

from __future__ import annotations

from functools import cached_property

from omoi_site.database import sql
from tickets.models import Artifact, Ticket
from tickets.pages.previews import text
from tickets.pages.previews.diff import Line, compared, shortened
from tickets.pages.previews.preview import Preview, preview_of

REVISIONS = sql.statement(__file__, "artifact_revisions")
MOST = 100  # revisions listed


class ArtifactPage:
    def __init__(self, ticket: Ticket, artifact: Artifact) -> None:
        self.ticket = ticket
        self.artifact = artifact

    @cached_property
    def preview(self) -> Preview:
        return preview_of(self.artifact)

    @cached_property
    def revisions(self) -> list[Artifact]:
        """The newest first, each with the `size` of its content."""
        of = {"ticket": self.ticket.pk, "phase": self.artifact.phase, "name": self.artifact.name}
        return list(Artifact.objects.raw(REVISIONS, {**of, "most": MOST}))

    @property
    def newest(self) -> Artifact:
        return self.revisions[0]

    @property
    def superseded(self) -> bool:
        return self.newest.pk != self.artifact.pk

    @property
    def before(self) -> Artifact | None:
        """The revision before this one."""
        return next((other for other in self.revisions if other.revision < self.artifact.revision), None)


class Comparison:
    """What differs from `old` to `new`."""

    def __init__(self, old: Artifact, new: Artifact) -> None:
        self.old = old
        self.new = new

    @property
    def sides(self) -> tuple[Artifact, Artifact]:
        return self.old, self.new

    @property
    def equal(self) -> bool:
        return self.old.blob_id == self.new.blob_id

    @cached_property
    def _texts(self) -> list[tuple[list[str], bool]] | None:
        """The lines of both, and whether something was cut; None unless both are texts."""
        texts = []
        for artifact in (self.old, self.new):
            head = artifact.blob.head(text.HEAD)
            read = text.decoded(head, artifact.blob.size)
            if read is None:
                return None
            lines, cut = text.lines_of(read[0])
            texts.append((lines, cut or len(head) < artifact.blob.size))
        return texts

    @property
    def binary(self) -> bool:
        return self._texts is None

    @property
    def cut(self) -> bool:
        """Whether only the beginnings are compared."""
        return any(cut for _, cut in self._texts or [])

    @cached_property
    def lines(self) -> list[Line]:
        if self._texts is None or self.equal:
            return []
        (old, _), (new, _) = self._texts
        return shortened(compared(old, new))

    @property
    def added(self) -> int:
        return sum(line.mark == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.mark == "-" for line in self.lines)
