"""The discoveries of a ticket, as its page shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from omoi_site.database import sql
from tickets.models import Discovery, Ticket
from tickets.pages.actions import Action

FEW, MOST = 10, 500  # shown at first, and after `Show all`
FOUND = sql.statement(__file__, "discoveries")
LENGTH = 600  # characters shown of a text, unless it is opened


class Discoveries:
    """`query`: discoveries=all, discovery=<id: show its text whole>. actions_of: what a person may do with
    one.
    """

    def __init__(
        self, ticket: Ticket, query: Mapping[str, str], actions_of: Callable[[Discovery], list[Action]]
    ) -> None:
        self.ticket = ticket
        self.all = query.get("discoveries") == "all"
        self.opened = query.get("discovery", "")
        self.actions_of = actions_of

    @cached_property
    def rows(self) -> list[Discovery]:
        params = {"ticket": self.ticket.pk, "most": MOST if self.all else FEW}
        rows = list(Discovery.objects.raw(FOUND, params))
        for row in rows:
            row.ticket, row.project = self.ticket, self.ticket.project
        return rows

    @property
    def shown(self) -> list[tuple[Discovery, str, bool, Sequence[Action]]]:
        """Each with the text to show, whether it was cut, and its actions."""
        return [(row, *self._text(row), self.actions_of(row)) for row in self.rows]

    def _text(self, row: Discovery) -> tuple[str, bool]:
        cut = len(row.body) > LENGTH and str(row.pk) != self.opened
        return (f"{row.body[:LENGTH].rstrip()}…", True) if cut else (row.body, False)

    @property
    def count(self) -> int:
        return self.rows[0].all_of_them if self.rows else 0  # type: ignore[attr-defined]  # of the statement

    @property
    def open(self) -> int:
        return self.rows[0].still_open if self.rows else 0  # type: ignore[attr-defined]  # likewise

    @property
    def left(self) -> int:
        """How many are not shown."""
        return self.count - len(self.rows)
