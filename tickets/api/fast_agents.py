"""The fast routes of agents: what agents.py answers, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked, Tagged
from tickets.models.claim.workload import agent_document


def me(asked: Asked) -> Any:
    if asked.query:
        return None
    document, version = agent_document(asked.agent.pk)
    return Tagged(document.encode(), version)
