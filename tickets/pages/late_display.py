"""Open tasks that are late, as the ticket page shows them: a word, an icon and a sentence with the time."""

from __future__ import annotations

from dataclasses import dataclass

from tickets.models.attention.deadline_kinds import EXPECTED_LATE_TASK, OVERDUE_TASK
from tickets.models.explain.sentences import Late


@dataclass(frozen=True)
class LateDisplay:
    """As on the attention list. `key` is that of the task."""

    task: int
    key: str
    tone: str
    icon: str
    word: str
    text: str


def late_display(late: Late) -> LateDisplay:
    kind = OVERDUE_TASK if late.overdue else EXPECTED_LATE_TASK
    key = late.removesuffix(f": {late.sentence}")
    text = late.sentence[:1].upper() + late.sentence[1:]
    return LateDisplay(late.task, key, kind.tone, kind.icon, kind.label, text)
