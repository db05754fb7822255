"""What is stored of who waits on whom: found by who must act, and read by id."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import models

from omoi_site.database import sql
from omoi_site.errors import Invalid, short
from omoi_site.humanize import ROLES
from tickets.models.explain.obstacle_base import OPERATOR
from tickets.models.explain.sql_fragments import STOPPED
from tickets.models.freeze.frozen import freezes

KINDS = ("agent", "task", "ticket", "user")  # a kind without a name means any of that kind
AT_ONCE, MOST_ASKED = 500, 5_000  # stored rows looked at in one statement, and for one page
LAST = 2**63 - 1


class StoredWait(NamedTuple):
    """`who` is None if nobody is waited for; `at`: when this was stored."""

    who: str | None
    at: datetime


@dataclass(frozen=True)
class WaitTable:
    """Where the waits of tasks or tickets are. newest_first: the order of their lists; stops: a stopped
    project stops all of them.
    """

    name: str
    newest_first: bool
    stops: bool

    @property
    def stopped(self) -> str:
        return STOPPED if self.stops else "false"

    @functools.cached_property
    def stored_wait(self) -> str:
        """SQL of the rows: id, who, at."""
        return sql.statement(
            __file__,
            "stored_wait",
            table=self.name,
            stopped=self.stopped,
            operator=OPERATOR,
            freezes=freezes("j.id"),
        ).rstrip()

    @functools.lru_cache(maxsize=4)  # noqa: B019 (there are two tables)
    def found_statement(self, kind: bool) -> str:
        of_stopped = sql.statement(__file__, "of_stopped", operator=OPERATOR) if self.stops else ""
        named = "split_part({}.who, ':', 1)" if kind else "{}.who"
        return sql.statement(
            __file__,
            "found_waits",
            table=self.name,
            stopped=self.stopped,
            freezes=freezes("j.id"),
            named=named.format("w"),
            lane_named=named.format("g"),
            order="DESC" if self.newest_first else "",
            of_stopped=of_stopped,
        )

    def stored(self, ids: Collection[int]) -> dict[int, StoredWait]:
        """What is stored of these."""
        rows = sql.rows(f"{self.stored_wait}\nWHERE w.id = ANY (%(ids)s)", {"ids": list(ids)})
        return {row["id"]: StoredWait(row["who"], row["at"]) for row in rows}

    def page(
        self,
        of: models.QuerySet[models.Model],
        who: str,
        *,
        limit: int,
        place: int | None = None,
        projects: Collection[int] | None = None,
        few: bool = False,
    ) -> tuple[list[int], int | None]:
        """Ids of the first rows of `of` behind `place` that wait on `who`; and the place of the next page,
        None if there are no more.

        At most `limit`, of `MOST_ASKED` looked at: those that wait on `who` in the `projects`, or, where `of`
        has `few`, its own.
        """
        expect_somebody(who)
        matches: list[int] = []
        size = limit + 1
        looked = 0
        while looked < MOST_ASKED:
            if few:
                looked_at, waiting = self._next_of(of, who, place, size)
            else:
                looked_at = self._next_waiting(who, place, size, projects)
                waiting = set(of.filter(pk__in=looked_at).values_list("pk", flat=True))
            for place in looked_at:
                if place in waiting:
                    if len(matches) == limit:
                        return matches, matches[-1]
                    matches.append(place)
            if len(looked_at) < size:
                return matches, None
            looked, size = looked + size, AT_ONCE
        return matches, place

    def _next_waiting(
        self, who: str, place: int | None, most: int, projects: Collection[int] | None
    ) -> list[int]:
        bounds = {"above": 0, "below": LAST} | ({self._bound: place} if place is not None else {})
        params = {"who": who, "projects": None if projects is None else list(projects), "most": most}
        return [row["id"] for row in sql.rows(self.found_statement(who in KINDS), params | bounds)]

    def _next_of(
        self, of: models.QuerySet[models.Model], who: str, place: int | None, most: int
    ) -> tuple[list[int], set[int]]:
        beyond = "pk__lt" if self.newest_first else "pk__gt"
        rest = of.order_by("-pk" if self.newest_first else "pk")
        if place is not None:
            rest = rest.filter(**{beyond: place})
        ids = list(rest.values_list("pk", flat=True)[:most])
        return ids, {pk for pk, wait in self.stored(ids).items() if meant(who, wait.who)}

    @property
    def _bound(self) -> str:
        return "below" if self.newest_first else "above"


def expect_somebody(who: str) -> None:
    """Raise Invalid for what nothing can wait on: a wrong word would find nothing without a sign."""
    kind, _, name = who.partition(":")
    if not (who in KINDS or who in ROLES or (kind in KINDS and name)):
        raise Invalid(
            f"nothing waits on {short(who, 80)}: name {', '.join(ROLES)}, a kind ({', '.join(KINDS)}), or"
            " one of a kind, such as agent:ada or ticket:OMO-3",
            field="waiting_on",
        )


def meant(who: str, waits: str | None) -> bool:
    """Whether `who` names the one that is waited for."""
    return waits is not None and (waits.partition(":")[0] if who in KINDS else waits) == who


TASKS = WaitTable("tickets_taskwait", newest_first=False, stops=False)
TICKETS = WaitTable("tickets_ticketwait", newest_first=True, stops=True)
