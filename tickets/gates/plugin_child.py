"""What the process of a project's gate check runs: one call of its function, without the database."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tickets.gates import plugins, registry


@dataclass(frozen=True)
class Content:
    """Like a Blob: what `reading` needs of it."""

    hash: str
    size: int
    file: str

    def pieces(self) -> Iterator[bytes]:
        yield Path(self.file).read_bytes()


class Case:
    """What the function gets: the newest artifacts of the phase, and its tasks."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.ticket = SimpleNamespace(**asked["ticket"])
        self.phase = asked["phase"]
        self.artifacts = [
            SimpleNamespace(**about, blob=Content(about["hash"], about["size"], about.get("file", "")))
            for about in asked["artifacts"]
        ]
        self._tasks = Counter(asked["tasks"])

    def newest(self, kind: str) -> Any:
        """The artifact of this type that was submitted last; None if there is none."""
        return next((artifact for artifact in self.artifacts if artifact.type == kind), None)

    def tasks(self) -> Counter[str]:
        """How many tasks of the phase are in each state."""
        return self._tasks


def main() -> None:
    asked = json.load(sys.stdin)
    plugins.limit()
    EntryPoint("check", asked["point"], plugins.GROUP).load()
    found = [reason.as_dict() for reason in registry.reasons(asked["entry"], Case(asked))]
    with os.fdopen(int(sys.argv[1]), "w") as answer:
        json.dump(found, answer)


if __name__ == "__main__":
    main()
