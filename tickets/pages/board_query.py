"""BoardQuery: what the address of a board asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tickets.models.ticket.fields import Priority

MOST = 1000  # cards a column shows
STATES = ["running", "ready", "waiting", "failed", "blocked", "paused"]
VIEWS = {"": "All work", "attention": "Needs attention", "stuck": "Stuck"}


@dataclass(frozen=True)
class BoardQuery:
    """The query of the address: filters, unfolded columns, number of cards. Unknown values are ignored."""

    text: str = ""
    priority: str = ""
    label: str = ""
    state: str = ""
    view: str = ""
    opened: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    shown: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_address(cls, query: Any) -> BoardQuery:
        priority, state, view = query.get("priority", ""), query.get("state", ""), query.get("view", "")
        return cls(
            text=_storable(query.get("q", "")).strip()[:200],
            priority=priority if priority.upper() in Priority.names else "",
            label=_storable(query.get("label", "")),
            state=state if state in STATES else "",
            view=view if view in VIEWS else "",
            opened=frozenset(query.getlist("open")),
            folded=frozenset(query.getlist("fold")),
            shown=dict(_limits(query.getlist("show"))),
        )

    @property
    def filtered(self) -> bool:
        return bool(self.text or self.priority or self.label or self.state)

    def narrow(self, tickets: Any) -> Any:
        """Those of `tickets` that match the filters, not counting the view."""
        if self.text:
            tickets = tickets.matching(self.text)
        if self.priority:
            tickets = tickets.filter(priority=Priority[self.priority.upper()])
        if self.label:
            tickets = tickets.filter(labels__contains=[self.label])
        return tickets.with_status(self.state) if self.state else tickets


def _storable(text: str) -> str:
    """Without NUL, which no label or title has, and the database does not take."""
    return text.replace("\0", "?")


def _limits(values: list[str]) -> list[tuple[str, int]]:
    """`show=TODO.150`: the number of cards of a phase."""
    pairs = [value.rpartition(".") for value in values]
    return [
        (phase, min(int(number), MOST))
        for phase, _, number in pairs
        if phase and number.isascii() and number.isdigit() and len(number) < 10
    ]
