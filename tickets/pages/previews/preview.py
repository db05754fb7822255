"""Chooses how an artifact is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tickets.models import Artifact
from tickets.pages.previews import text


@dataclass(frozen=True)
class Preview:
    """`kind` names the template that draws `data`. `note`: a sentence about what is not shown as it is."""

    kind: str
    data: Any = None
    note: str = ""

    @property
    def template(self) -> str:
        return f"tickets/artifacts/previews/_{self.kind}.html"


def preview_of(artifact: Artifact) -> Preview:
    """Raises Damaged if the content is not what its hash says."""
    size = artifact.blob.size
    if not size:
        return Preview("empty")
    head = artifact.blob.head(text.HEAD)
    read = text.decoded(head, size)
    if read is None:
        return Preview("binary")
    shown = text.text_of(*read, cut=len(head) < size)
    return Preview("text", shown, shown.note)
