"""The list of agents, worst first: what the address asks for, how many there are of each status, one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from agents.models import Agent
from omoi_site.database import sql
from tickets.models.claim.workload import fleet
from tickets.pages.agents.agent_rows import FLEET, TONES, AgentRow, read_rows
from tickets.pages.agents.pool_rows import MOST as MOST_POOLS
from tickets.pages.agents.pool_rows import PoolRow, pool_rows
from tickets.pages.of_projects import OfProjects

PAGE = 50  # agents of a page
MINUTES, TASKS = 24, 3  # of each row
LONGEST = 100  # characters of a word that is looked for
PARAMETERS = ("project", "status", "kind", "pool", "q", "view", "after")
BUSY, FREE, ELSEWHERE = "running", "idle", ("maintenance", "draining", "quarantined")
# What a status in the address may be: one of the API, or all that are out of service.
OUT = "out"


@dataclass(frozen=True)
class Tile:
    """A number of agents by status, which leads to them. asks: the status in that address; empty if the list
    shows them already, and leads back to all.
    """

    status: str
    asks: str
    label: str
    number: int
    tone: str
    icon: str


class FleetPage(OfProjects):
    """Unknown values in the address are ignored, except an unknown project."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        asked = request.GET
        self.status = asked.get("status", "") if asked.get("status") in (*TONES, OUT) else ""
        self.kind = asked.get("kind", "") if asked.get("kind") in Agent.AGENT_KINDS else ""
        self.pool = asked.get("pool", "")[:LONGEST].replace("\x00", "")
        self.word = asked.get("q", "")[:LONGEST].replace("\x00", "").strip()
        self.all = asked.get("view") == "all"

    @property
    def filtered(self) -> bool:
        return bool(self.project or self.status or self.kind or self.pool or self.word)

    @property
    def statuses(self) -> Sequence[str]:
        if self.status == OUT:
            return ELSEWHERE
        return [self.status] if self.status else []

    @cached_property
    def seen(self) -> list[int]:
        """The agents that the person sees, of the project that was asked for."""
        agents = fleet(self.by).agents()
        if self.project:
            agents = agents.filter(projects__key=self.project)
        return list(agents.order_by().values_list("pk", flat=True))

    @cached_property
    def found(self) -> dict[str, Any]:
        place, name = place_in(self.request.GET.get("after", ""))
        params = {
            "ids": self.seen,
            "gone": self.all or self.status == "retired",
            "statuses": list(self.statuses),
            "kind": self.kind,
            "pool": self.pool,
            "word": self.word.lower(),
            "place": place,
            "name": name,
            "limit": PAGE + 1,
        }
        row = sql.one(FLEET, params)
        assert row
        return row

    @cached_property
    def rows(self) -> list[AgentRow]:
        ids = [pk for pk, _, _ in self.found["page"][:PAGE]]
        rows = read_rows(ids, by=self.by, projects=self.projects, minutes=MINUTES, tasks=TASKS)
        barred = {pool.name: pool for pool in self.pools if pool.state != "open"}
        for row in rows:
            row.barred_by = [barred[name] for name in row.agent.pools if name in barred]
        return rows

    @property
    def following(self) -> str:
        """Where the next page begins; empty on the last one."""
        page = self.found["page"]
        if len(page) <= PAGE:
            return ""
        _, place, name = page[PAGE - 1]
        return f"{place}.{name}"

    # -- numbers: of all agents but those that have gone, whatever else is asked for

    @property
    def counts(self) -> list[dict[str, Any]]:
        return [row for row in self.found["counts"] if self.all or not row["gone"]]

    def number(self, *statuses: str) -> int:
        return sum(row["number"] for row in self.counts if not statuses or row["status"] in statuses)

    @property
    def total(self) -> int:
        return self.number()

    @property
    def gone(self) -> int:
        """How many were not heard from for a day and hold nothing."""
        return sum(row["number"] for row in self.found["counts"] if row["gone"])

    @property
    def tiles(self) -> list[Tile]:
        return [
            self._tile("stale", "stale"),
            self._tile("degraded", "degraded"),
            self._tile(OUT, "draining"),
            self._tile(BUSY, BUSY),
            self._tile(FREE, FREE),
        ]

    def _tile(self, status: str, looks: str) -> Tile:
        """looks: the status whose tone and icon it has, if there is an agent."""
        out = status == OUT
        number = self.number(*(ELSEWHERE if out else [status]))
        tone, icon = TONES[looks]
        asks = "" if status == self.status else status
        label = "out of service" if out else status
        return Tile(status, asks, label, number, tone if number else "neutral", icon)

    @property
    def capacity(self) -> int:
        """Of the agents that take work."""
        return sum(row["capacity"] for row in self.counts if row["status"] in (BUSY, FREE, "degraded"))

    @property
    def held(self) -> int:
        return sum(row["held"] for row in self.counts if row["status"] in (BUSY, FREE, "degraded"))

    @property
    def kinds(self) -> list[tuple[str, str, int]]:
        numbers = {
            kind: sum(row["number"] for row in self.counts if row["kind"] == kind)
            for kind in map(str, Agent.AGENT_KINDS)
        }
        named = [(kind, f"{kind.capitalize()}s", n) for kind, n in numbers.items() if n or kind == self.kind]
        return [("", "All", self.total), *named]

    @cached_property
    def pools(self) -> list[PoolRow]:
        return pool_rows(by=self.by, agents=self.seen)

    @property
    def more_pools(self) -> bool:
        return len(self.pools) > MOST_POOLS

    @property
    def status_word(self) -> str:
        return "out of service" if self.status == OUT else self.status

    @property
    def shown_pools(self) -> list[PoolRow]:
        return self.pools[:MOST_POOLS]

    @property
    def topics(self) -> str:
        """What it follows live: the projects it shows, and these agents."""
        return " ".join([super().topics, *(row.agent.topic for row in self.rows)])

    @property
    def address(self) -> str:
        return self.sharable(PARAMETERS)


def place_in(text: str) -> tuple[int, str]:
    """The place and the name after which a page begins; for nonsense, before the first."""
    place, _, name = text.partition(".")
    known = place.isascii() and place.isdecimal() and len(place) < 3 and "\x00" not in name
    return (int(place), name[:LONGEST]) if known else (-1, "")
