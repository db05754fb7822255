"""What is submitted as an artifact, before it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class NewArtifact:
    """`name` empty: its type. `phase` empty: where the ticket stands."""

    type: str
    content: BinaryIO
    name: str = ""
    phase: str = ""
    path: str = ""
    commit: str = ""
