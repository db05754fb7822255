"""Obstacle: one condition under which a task is not granted or a ticket does not move."""

from __future__ import annotations

from dataclasses import dataclass

from tickets.models.explain.sentences import Sentence, Values

OPERATOR = "'operator'"  # in `who`, which is SQL
# Who can make room in the phase `w` that is full: the people that one of its tickets waits for, or else that
# ticket. If all its tickets wait for work that waits for room, nobody would without a person.
FULL_WAITS = f"coalesce(w.who, CASE WHEN w.circle THEN {OPERATOR} ELSE 'ticket:' || w.key END)"


@dataclass(frozen=True)
class Obstacle:
    """`when`, `who`, `since` and `until` are SQL; the last two may be empty. `until`: when it ends by itself.
    `what` and `how` are sentences with values in braces, or functions of the values.

    bars: it prevents a claim. The others only say what is awaited.
    """

    code: str
    when: str
    who: str
    what: str | Sentence
    how: str | Sentence
    since: str = ""
    until: str = ""
    bars: bool = True

    def say(self, sentence: str | Sentence, values: Values) -> str:
        return sentence(values) if callable(sentence) else sentence.format_map(values)
