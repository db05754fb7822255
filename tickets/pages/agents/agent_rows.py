"""Agents as their pages show them: status, what they hold, and the minutes in which they were heard from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.text import Truncator

from agents.models import Agent, Project
from agents.models.actor import sees_all
from agents.models.agent import SILENT_AFTER
from agents.models.agent_presence import MINUTES, SHARED_FOR_S, passed
from omoi_site import field_limits
from omoi_site.database import sql
from tickets.models.claim.failures import BY as FAILURES
from tickets.models.claim.workload import GONE_AFTER, SILENT, STATUS, interval
from tickets.pages.actions.agent import KINDS, AgentAction
from tickets.pages.actions.agent_permissions import AgentPermissions, FleetPermissions
from tickets.pages.agents.heartbeats import Heartbeats
from tickets.pages.agents.pool_rows import PoolRow

LATELY = timedelta(hours=1)  # who fell silent longer ago and holds nothing needs nobody any more
SILENT_FOR = "coalesce(clock_timestamp() - p.last_seen_at, interval '9999 d')"
SHARED_FOR = f"interval '{SHARED_FOR_S} s'"
STATUS_SQL = STATUS.strip().format(held="held.n")
SILENT_WITH_WORK, FAILING, SHARED = 0, 1, 2
# Where agent `a` with presence `p` stands in the list, worst first.
PLACE = f"""
CASE
  WHEN a.state = 'retired' THEN 11
  WHEN {SILENT} AND held.n > 0 THEN {SILENT_WITH_WORK}
  WHEN a.state = 'maintenance' AND a.state_by = '{FAILURES}' THEN {FAILING}
  WHEN p.shared_at > clock_timestamp() - {SHARED_FOR} THEN {SHARED}
  ELSE CASE {STATUS_SQL}
    WHEN 'quarantined' THEN 5
    WHEN 'draining' THEN 6
    WHEN 'maintenance' THEN 7
    WHEN 'stale' THEN CASE WHEN {SILENT_FOR} > {interval(LATELY)} THEN 10 ELSE 4 END
    WHEN 'degraded' THEN 3
    WHEN 'running' THEN 8
    ELSE 9
  END
END""".strip()
FLEET = sql.statement(
    __file__,
    "fleet",
    status=STATUS_SQL,
    place=PLACE,
    silent_for=SILENT_FOR,
    gone_after=interval(GONE_AFTER),
)
ROWS = sql.statement(
    __file__,
    "agent_rows",
    status=STATUS_SQL,
    place=PLACE,
    silent_for=SILENT_FOR,
    shared_for=SHARED_FOR,
    all_minutes=str(MINUTES),
    since_then=passed("p.last_seen_at", "clock_timestamp()"),
)
TONES = {
    "idle": ("ok", "circle-check"),
    "running": ("running", "loader-circle"),
    "degraded": ("warn", "triangle-alert"),
    "stale": ("bad", "triangle-alert"),
    "maintenance": ("warn", "circle-pause"),
    "draining": ("warn", "circle-pause"),
    "quarantined": ("bad", "ban"),
    "retired": ("neutral", "circle-dashed"),
}
MOST_SLOTS = 12  # blocks; more are only counted
MOST_WORDS, LONGEST_REASON = 6, 120  # in a row of the list


@dataclass(frozen=True)
class HeldTask:
    """A task that an agent holds. active_at: when the claim last showed progress."""

    id: int
    fence: int
    ticket: str
    key: str
    title: str
    phase: str
    attempts: int
    max_attempts: int
    claimed_at: datetime
    lease_expires_at: datetime | None
    active_at: datetime | None
    stalled_at: datetime | None
    message: str | None
    percent: str | None

    @classmethod
    def read(cls, row: dict[str, Any]) -> HeldTask:
        times = {
            name: value and datetime.fromisoformat(value)
            for name, value in row.items()
            if name.endswith("_at")
        }
        return cls(**{**row, **times})


class AgentRow:
    """permissions: what the person who looks may do with it."""

    def __init__(self, agent: Any, permissions: AgentPermissions) -> None:
        self.agent = agent
        self.permissions = permissions
        self.barred_by: Sequence[PoolRow] = ()  # pools that grant it nothing now

    @property
    def name(self) -> str:
        return str(self.agent.name)

    @property
    def status(self) -> str:
        return str(self.agent.status)

    @property
    def silent(self) -> bool:
        """Whether it is not heard from although somebody waits for it."""
        late = self.agent.silent > SILENT_AFTER
        return late and (self.agent.held > 0 or (self.status == "stale" and self.agent.silent <= LATELY))

    @property
    def needs_somebody(self) -> bool:
        return self.agent.place == SILENT_WITH_WORK

    @property
    def failing(self) -> bool:
        return self.agent.place == FAILING

    @property
    def tone(self) -> str:
        return "neutral" if self.status == "stale" and not self.silent else TONES[self.status][0]

    @property
    def icon(self) -> str:
        return "circle-dashed" if self.tone == "neutral" else TONES[self.status][1]

    @cached_property
    def tasks(self) -> list[HeldTask]:
        return [HeldTask.read(row) for row in json.loads(self.agent.tasks)]

    @property
    def more_tasks(self) -> int:
        """Those that it holds beside the ones that are shown."""
        return int(self.agent.held_shown) - len(self.tasks)

    @property
    def hidden_tasks(self) -> int:
        """Those of projects that the person does not see."""
        return int(self.agent.held - self.agent.held_shown)

    @property
    def slots(self) -> list[bool]:
        """One for each task that it can hold, true where it holds one; empty if there are too many."""
        capacity, held = self.agent.capacity, self.agent.held
        return [n < held for n in range(max(capacity, held))] if capacity <= MOST_SLOTS else []

    @property
    def capabilities(self) -> list[str]:
        return list(self.agent.capabilities[:MOST_WORDS])

    @property
    def more_capabilities(self) -> int:
        return max(0, len(self.agent.capabilities) - MOST_WORDS)

    @property
    def why(self) -> str:
        """Why it is not available, in a line."""
        if self.agent.state == Agent.State.AVAILABLE:
            return ""
        return field_limits.visible(Truncator(self.agent.state_reason).chars(LONGEST_REASON))

    @cached_property
    def heartbeats(self) -> Heartbeats:
        return Heartbeats(self.agent.minutes, known=self.agent.known, silent=self.agent.state == "retired")

    @cached_property
    def actions(self) -> dict[str, AgentAction]:
        """What can be done with it now, by name, also what this person may not do."""
        possible = (kind(self.agent, self.permissions.by, self.permissions) for kind in KINDS)
        return {action.name: action for action in possible if action.available}

    @property
    def main_action(self) -> AgentAction | None:
        """What helps most."""
        first = ["requeue"] if self.needs_somebody else []
        names = (name for name in [*first, "resume", "drain"] if name in self.actions)
        return next((self.actions[name] for name in names), None)

    @property
    def look(self) -> str:
        """Of its button in the list: what nobody needs to do stands back."""
        return "sm ghost" if self.main_action and self.main_action.name == "drain" else "sm"


def read_rows(
    ids: Sequence[int], *, by: Any, projects: Iterable[Project], minutes: int, tasks: int
) -> list[AgentRow]:
    """These agents, in this order, each with so many minutes and so many of the tasks that it holds in these
    projects.
    """
    if not ids:
        return []
    seen = None if sees_all(by) else [project.pk for project in projects]
    params = {"ids": list(ids), "projects": seen, "minutes": minutes, "tasks": tasks}
    agents = {agent.pk: agent for agent in Agent.objects.raw(ROWS, params)}
    fleet = FleetPermissions(agents.values(), by)
    return [AgentRow(agents[pk], AgentPermissions(agents[pk], fleet)) for pk in ids if pk in agents]
