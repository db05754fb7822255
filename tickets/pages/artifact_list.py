"""The list of a ticket's artifacts, a page at a time, with the form for a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from omoi_site.database import sql
from omoi_site.field_limits import whole_number
from tickets.models import Artifact, Ticket
from tickets.pages.actions.action import WRITE, Permissions
from tickets.pages.previews.preview import Preview, preview_of

LIST = sql.statement(__file__, "artifact_list")
PAGE = 50
INLINE = 1 << 20  # bytes of an artifact shown inside the ticket page, which a live update draws again


class OpenArtifact:
    """The artifact whose preview stands in the list of the ticket page, if the address names one of them."""

    def __init__(self, artifacts: Sequence[Artifact], query: Mapping[str, str]) -> None:
        asked = query.get("preview", "")
        self.artifact = next((artifact for artifact in artifacts if str(artifact.pk) == asked), None)

    @cached_property
    def preview(self) -> Preview | None:
        return preview_of(self.artifact, most=INLINE) if self.artifact else None


class ArtifactList:
    """`query`: before=<id: show those before it>."""

    def __init__(self, ticket: Ticket, who: Any, query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.who = who
        self.before = whole_number(query.get("before", "")) or 0

    @cached_property
    def _read(self) -> list[Artifact]:
        of = {"ticket": self.ticket.pk, "before": self.before or 2**63 - 1, "most": PAGE + 1}
        return list(Artifact.objects.raw(LIST, of))

    @property
    def artifacts(self) -> list[Artifact]:
        """The newest revisions, each with the `size` of its content."""
        return self._read[:PAGE]

    @property
    def more(self) -> int | None:
        """The id before which there are more; None if there are none."""
        return self.artifacts[-1].pk if len(self._read) > PAGE else None

    @cached_property
    def denied(self) -> bool:
        """Whether this person may not submit anything. It is only shown; the verb decides."""
        return WRITE not in Permissions(self.ticket, self.who).scopes
