"""The fast routes of agents: what agents.py answers, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked, Tagged
from tickets.api.agents import AgentOut, visible_agents


def me(asked: Asked) -> Any:
    agent = None if asked.query else visible_agents(asked.agent).filter(pk=asked.agent.pk).first()
    return agent and Tagged(AgentOut(agent).data, agent.version)
