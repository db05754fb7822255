"""The fields of a new artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class NewArtifact:
    """Empty `name`: the type. Empty `phase`: that of the ticket."""

    type: str
    content: BinaryIO
    name: str = ""
    phase: str = ""
    path: str = ""
    commit: str = ""
