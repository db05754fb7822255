"""The agents of a simulation: registered for one run, marked by a tag, and retired after it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from agents.models import Agent, AgentSpec, Event, Key, Project
from omoi_site.database import sql
from tickets.simulation.agent import MOST_AT_ONCE

TAG = "simulation"
BY = "system:simulate"
CAPABILITIES = """
SELECT DISTINCT unnest(capabilities) AS word
FROM tickets_task
WHERE project_id = %s
  AND state IN ('pending', 'claimed')
"""


def register_agents(project: Project, count: int, *, keys_for: timedelta) -> list[tuple[Agent, str]]:
    """Register `count` agents that can do every open task of the project, each with a key."""
    retire_agents(abandoned_agents())
    run = secrets.token_hex(3)
    capabilities = [row["word"] for row in sql.rows(CAPABILITIES, [project.pk])]
    agents = []
    for number in range(1, count + 1):
        with transaction.atomic():
            agent = Agent.objects.register(
                AgentSpec(
                    f"sim-{run}-{number:02}",
                    capabilities=capabilities,
                    capacity=MOST_AT_ONCE,
                    tags=[TAG],
                ),
                projects=[project],
                by=BY,
            )
            _, key = Key.objects.issue(agent=agent, by=BY, expires_in=keys_for)
        agents.append((agent, key))
    return agents


def abandoned_agents() -> list[Agent]:
    """Agents of killed runs: they were not retired, and their keys have expired."""
    return list(
        Agent.objects.filter(tags__contains=[TAG])
        .exclude(state=Agent.State.RETIRED)
        .exclude(keys__expires_at__gt=Now())
    )


def retire_agents(agents: Sequence[Agent]) -> None:
    """Revoke their keys and retire them. Their rows stay, because the journal refers to them."""
    for agent in agents:
        with transaction.atomic():
            Key.objects.filter(agent=agent, revoked_at=None).update(revoked_at=Now())
            locked = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
            if locked.state != Agent.State.RETIRED:
                locked.retire(by=BY, reason="the simulation is over")
                locked.save()


def other_claimers(project: Project) -> list[str]:
    """Everybody who has ever claimed in this project, except agents of simulations."""
    claimers = (
        Event.objects.filter(project_id=project.pk, kind="task.claimed")
        .order_by()
        .values_list("actor", flat=True)
        .distinct()
    )
    ours = Agent.objects.filter(tags__contains=[TAG]).values_list("name", flat=True)
    return sorted(set(claimers) - {f"agent:{name}" for name in ours})
