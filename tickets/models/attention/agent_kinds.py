"""Kinds of attention about an agent: one item in each project in which it works."""

from __future__ import annotations

from agents.models.agent_presence import SHARED_FOR_S
from omoi_site.database import sql
from tickets.models.attention.registry import API, Act, Kind, Values
from tickets.models.claim.failures import BY

DETAILS = sql.statement(__file__, "agent_details")


def shared(values: Values) -> str:
    agent = values["details"]
    return (
        f"{len(agent['instances'])} processes work as {agent['about']} at the same time:"
        f" {', '.join(agent['instances'])}. End all but one, or give each an agent of its own"
    )


def see_agent(values: Values) -> Act:
    return Act("See the agent", "GET", f"{API}/agents/{values['details']['about']}")


def failing(values: Values) -> str:
    agent = values["details"]
    return f"{agent['about']} gets no more work: {agent['reason']}"


def make_available(values: Values) -> Act:
    name = values["details"]["about"]
    return Act(f"Make {name} available", "POST", f"{API}/agents/{name}/availability", {"available": True})


AGENT_FAILING = Kind(
    "agent_failing",
    "Agent fails",
    "bad",
    "bot",
    sql.statement(__file__, "agent_failing", by=f"'{BY}'"),
    failing,
    make_available,
    details=DETAILS,
    indexed=False,
)
AGENT_SHARED = Kind(
    "agent_shared",
    "Two processes, one agent",
    "bad",
    "bot",
    sql.statement(__file__, "agent_shared", shared_for=f"interval '{SHARED_FOR_S} s'"),
    shared,
    see_agent,
    details=DETAILS,
    indexed=False,
)
