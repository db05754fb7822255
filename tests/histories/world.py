"""The fleet of a history on the real database.

Time moves by changing rows: all that ends, is due or was seen comes nearer. When a task was claimed and ended
stays, because the history of tickets, which nobody can change, is compared with it.
"""

from __future__ import annotations

import contextlib
import itertools
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction

from agents.models import Agent, AgentSpec, Member, Pool, Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import allow_workflow
from tests.histories.model.parts import FULL_AT, UNIT_S
from tests.histories.world_acts import Acts
from tickets.models import (
    Freeze,
    SweepRun,
    Task,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.claim.quota import follow_pools
from tickets.runtime import actors

NUMBERS = itertools.count(1)
AGENTS = {
    "ada": {"capabilities": ["rust", "sql"], "capacity": 2, "pools": ["team"]},
    "bob": {"phases": ["DOING", "TODO"], "capacity": 1},
    "eve": {"capabilities": ["sql"], "capacity": 3, "pools": ["own", "team"]},
}
POOLS = ["team", "own"]
NOBODY = 2**40  # an id of nothing
PEOPLE = ["user:admin", "user:dan"]
WORKFLOW = {
    "name": "histories",
    "phases": [
        {"name": "TODO", "to": ["DOING"], "automatic": "on_claim"},
        {"name": "DOING", "to": ["REVIEW"], "automatic": "on_completion"},
        {"name": "REVIEW", "to": ["DONE", "DOING"], "wip": {"limit": FULL_AT, "holds": ["DOING"]}},
        {"name": "DONE", "to": []},
    ],
}
SWEPT = dict.fromkeys(("lapse", "stall", "time_out"), "")
PASSES = """
UPDATE tickets_task
SET
  lease_expires_at = lease_expires_at - %(by)s,
  lease_look_at = lease_look_at - %(by)s,
  timeout_at = timeout_at - %(by)s,
  active_at = active_at - %(by)s,
  stalled_at = stalled_at - %(by)s,
  started_at = started_at - %(by)s,
  promote_at = promote_at - %(by)s,
  ready_at = ready_at - %(by)s,
  rank = rank - omoi_micros(to_timestamp(0) + %(by)s),
  avoid_until = avoid_until - %(by)s,
  not_before = not_before - %(by)s
WHERE project_id = %(project)s
"""
LANES_PASS = """
UPDATE tickets_lane
SET floor = floor - omoi_micros(to_timestamp(0) + %(by)s)
WHERE project_id = %(project)s
  AND floor > 0  -- or it has none
"""
POOLS_PASS = """
UPDATE agents_pool
SET
  closed_at = closed_at - %(by)s,
  resets_at = resets_at - %(by)s
WHERE name = ANY (%(pools)s)
"""
TASKS = """
SELECT
  t.id,
  t.ticket_id AS ticket,
  t.phase,
  t.state,
  a.name AS holder,
  t.fence,
  t.attempts,
  t.max_attempts,
  t.open_needs,
  t.unsatisfiable,
  t.held,
  t.not_due,
  t.rate_limits,
  t.stalled_at IS NOT NULL AS stalled,
  t.rank,
  extract(epoch FROM t.lease_expires_at - clock_timestamp())::float8 AS lease,
  extract(epoch FROM t.timeout_at - clock_timestamp())::float8 AS timeout
FROM tickets_task t
LEFT JOIN agents_agent a ON a.id = t.holder_id
WHERE t.project_id = %s
ORDER BY t.id
"""
OTHERS = """
SELECT jsonb_build_object(
  'tickets', (SELECT jsonb_object_agg(k.id, k.phase) FROM tickets_ticket k WHERE k.id = ANY (%(tickets)s)),
  'agents', (
    SELECT jsonb_object_agg(substr(a.name, %(prefix)s + 1), ARRAY[a.state, a.assigned::text])
    FROM agents_agent a
    WHERE a.id = ANY (%(agents)s)
  ),
  'pools', (
    SELECT jsonb_object_agg(substr(p.name, %(prefix)s + 1), p.closed_at IS NOT NULL)
    FROM agents_pool p
    WHERE p.id = ANY (%(pools)s)
  )
) AS found
"""


class World(Acts):
    """A small project with three agents, two people, two pools and three tickets."""

    def __init__(self, operator: Any, workflow: Workflow) -> None:
        self.prefix = f"h{next(NUMBERS)}-"
        self.operator = operator
        self.people = {"user:admin": operator, "user:dan": get_user_model().objects.get(username="dan")}
        spec = ProjectSpec(
            self.prefix.upper().strip("-"), workflow="simple", stall_after_s=3500, stall_grace_s=1000
        )
        self.project = Project.objects.create_project(spec, by=operator)
        Member.objects.set(self.project, self.people["user:dan"], "operator", by=operator)
        allow_workflow(self.project, workflow)
        self.pools = {name: Pool.objects.create_pool(self.prefix + name, by=operator).pk for name in POOLS}
        self.agents = {name: self._registered(name, **spec) for name, spec in AGENTS.items()}
        self.tickets = [
            Ticket.objects.open(self.project, TicketSpec(str(n), workflow=workflow), by=operator).pk
            for n in range(3)
        ]

    def _registered(self, name: str, pools: Any = (), **spec: Any) -> Agent:
        spec["pools"] = [self.prefix + pool for pool in pools]
        agent = Agent.objects.register(
            AgentSpec(self.prefix + name, **spec), projects=[self.project], by=self.operator
        )
        agent.key_scopes = frozenset({"work"})
        self._heard(agent, "1 day")
        return agent

    def end(self) -> None:
        """Nothing of it is left for the sweeps of other histories."""
        Freeze.objects.thaw(by=self.operator)
        left = Ticket.objects.filter(pk__in=self.tickets).exclude(phase__in=["DONE", "CANCELLED"])
        for ticket in left.order_by("-archived_at"):  # nulls first: then there is room for the others
            if ticket.archived_at:
                self.restore(ticket.pk)
            self.cancel_ticket(ticket.pk)
        Task.objects.filter(project=self.project).cancel(by=self.operator, reason="the history ends")

    # -- time

    def pass_time(self, units: int) -> None:
        by = timedelta(seconds=units * UNIT_S)
        names = [self.prefix + pool for pool in POOLS]
        for each in (PASSES, LANES_PASS):
            sql.rows(each, {"by": by, "project": self.project.pk})
        sql.rows(POOLS_PASS, {"by": by, "pools": names})

    def sweep(self) -> None:
        for sweep in (Task.objects.lapse, Task.objects.stall, Task.objects.look_later):
            while sweep():
                pass
        while Task.objects.time_out() or Task.objects.wake():
            pass
        follow_pools()
        Task.objects.promote()
        while Ticket.objects.advance_due(self.tickets):
            pass

    # -- what should change nothing but the time

    def advance_tickets(self, tickets: list[int]) -> None:
        """A message that comes twice, and names what there is not."""
        for _ in range(2):
            actors.advance_tickets.fn([*tickets, *tickets, NOBODY])

    def fill_phases(self, tickets: list[int]) -> None:
        for _ in tickets:
            actors.fill_phases.fn([self.project.pk, NOBODY])

    def cut(self, name: str) -> None:
        """The process of an agent ends after its claim and before it commits."""
        with contextlib.suppress(DatabaseError), transaction.atomic():
            Task.objects.claim(by=self.agents[name], limit=1)
            connection.connection.close()
        connection.close()

    # -- what is so

    def look(self) -> None:
        """The clock runs: it has just swept."""
        SweepRun.note(SWEPT)

    def tasks(self) -> list[dict[str, Any]]:
        rows = sql.rows(TASKS, [self.project.pk])
        for row in rows:
            row["holder"] = row["holder"] and row["holder"].removeprefix(self.prefix)
        return rows

    def others(self) -> dict[str, Any]:
        """What else there is: where the tickets stand, the states of agents, which pools are closed."""
        ids = {"tickets": self.tickets, "agents": [each.pk for each in self.agents.values()]}
        [row] = sql.rows(OTHERS, ids | {"pools": [*self.pools.values()], "prefix": len(self.prefix)})
        found: dict[str, Any] = row["found"]
        return found
