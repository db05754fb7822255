"""The page of one agent: what it holds, a day of heartbeats, what it has done, its pools and keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, Key
from agents.models.agent_presence import MINUTES
from omoi_site import humanize
from omoi_site.errors import Malformed
from tickets.models.claim.history import EXAMINED, History, PastClaim, history
from tickets.pages.actions.agent import AgentAction
from tickets.pages.actions.agent_permissions import ADMIN
from tickets.pages.agents.agent_rows import AgentRow, read_rows
from tickets.pages.agents.heartbeats import Bar
from tickets.pages.agents.pool_rows import PoolRow, pool_rows
from tickets.templatetags.projects import projects_of

TASKS, CLAIMS, KEYS = 50, 20, 50  # of the page
QUARTER = 15  # minutes of a bar
OUTCOMES = {
    "completed": ("ok", "circle-check", "completed"),
    "failed": ("bad", "circle-x", "failed"),
    "retried": ("warn", "rotate-ccw", "failed, tried again"),
    "released": ("neutral", "undo-2", "released"),
    "lapsed": ("bad", "clock", "lapsed"),
    "timed_out": ("bad", "clock", "timed out"),
    "taken_back": ("warn", "clock", "taken back: no progress"),
    "revoked": ("warn", "undo-2", "taken back"),
    "cancelled": ("neutral", "ban", "cancelled"),
}


@dataclass(frozen=True)
class Done:
    """A claim that has ended, as a row shows it."""

    claim: PastClaim
    own: str  # the label of the agent

    @property
    def tone(self) -> str:
        return OUTCOMES.get(self.claim.outcome, ("neutral", "circle-dashed", ""))[0]

    @property
    def icon(self) -> str:
        return OUTCOMES.get(self.claim.outcome, ("neutral", "circle-dashed", ""))[1]

    @property
    def word(self) -> str:
        return OUTCOMES.get(self.claim.outcome, ("", "", self.claim.outcome.replace("_", " ")))[2]

    @property
    def ticket(self) -> str:
        return self.claim.key.rpartition(".")[0]

    @property
    def by(self) -> str:
        """Who ended it, if it was not the agent itself."""
        return "" if self.claim.by == self.own else humanize.actor(self.claim.by)

    @property
    def held(self) -> str:
        return humanize.length(self.claim.held_s)


@dataclass(frozen=True)
class KeyRow:
    key: Key

    @property
    def state(self) -> str:
        if self.key.revoked_at:
            return "revoked"
        ended = self.key.expires_at and self.key.expires_at <= timezone.now()
        return "expired" if ended else "live"

    @property
    def tone(self) -> str:
        return "ok" if self.state == "live" else "neutral"

    @property
    def action(self) -> str:
        """The address of its revocation; empty if it has been revoked."""
        return "" if self.key.revoked_at else reverse("agents:key", args=[self.key.agent, self.key.prefix])


class AgentPage:
    def __init__(self, request: HttpRequest, row: AgentRow) -> None:
        self.request, self.by, self.row = request, request.user, row
        self.projects = projects_of(request)

    @classmethod
    def of(cls, request: HttpRequest, agent: Agent) -> AgentPage | None:
        """None if the agent has been deleted meanwhile."""
        theirs = projects_of(request)
        rows = read_rows([agent.pk], by=request.user, projects=theirs, minutes=MINUTES, tasks=TASKS)
        return cls(request, rows[0]) if rows else None

    @property
    def agent(self) -> Any:
        return self.row.agent

    @property
    def main_action(self) -> AgentAction | None:
        return self.row.main_action

    @property
    def menu(self) -> list[AgentAction]:
        """The other actions."""
        main = self.main_action
        return [action for action in self.row.actions.values() if not main or action.name != main.name]

    @cached_property
    def day(self) -> list[Bar]:
        return self.row.heartbeats.grouped(QUARTER)

    @cached_property
    def _history(self) -> History:
        after = self.request.GET.get("after", "")
        read = partial(history, self.agent, by=self.by, limit=CLAIMS, projects=self.projects)
        try:
            return read(after=after)
        except Malformed:
            return read()

    @property
    def history(self) -> list[Done]:
        return [Done(claim, self.agent.label) for claim in self._history.claims]

    @property
    def lately(self) -> str:
        """How its claims of the last day ended, as words; for the first page of them."""
        found = self._history.lately
        number = f"{EXAMINED:,} and more" if sum(found.values()) >= EXAMINED else ""
        parts = [f"{found[name]:,} {words}" for name, (_, _, words) in OUTCOMES.items() if name in found]
        return number or "; ".join(parts) or "nothing ended"

    @property
    def following(self) -> str:
        return self._history.following or ""

    @cached_property
    def pools(self) -> list[PoolRow]:
        if not self.agent.pools:
            return []
        seen = Agent.objects.seen_by(self.by).filter(pools__overlap=self.agent.pools)
        ids = list(seen.values_list("pk", flat=True))
        return pool_rows(by=self.by, agents=ids, names=self.agent.pools)

    @property
    def other_pools(self) -> list[str]:
        """Those of projects that the person does not see."""
        return sorted(set(self.agent.pools) - {pool.name for pool in self.pools})

    @property
    def owner(self) -> str:
        return str(self.agent.owner_name or "")

    @property
    def may_see_keys(self) -> bool:
        return self.row.permissions.has(ADMIN)

    @cached_property
    def _keys(self) -> list[KeyRow]:
        if not self.may_see_keys:
            return []
        keys = Key.objects.filter(agent=self.agent).select_related("agent")
        first = keys.order_by(F("revoked_at").desc(nulls_first=True), "-id")[: KEYS + 1]
        return [KeyRow(key) for key in first]

    @property
    def keys(self) -> list[KeyRow]:
        return self._keys[:KEYS]

    @property
    def more_keys(self) -> bool:
        return len(self._keys) > KEYS

    @property
    def topics(self) -> str:
        keys = [f"project:{key}" for key in self.agent.project_keys]
        return " ".join([self.agent.topic, *keys])

    @property
    def address(self) -> str:
        return self.request.get_full_path()
