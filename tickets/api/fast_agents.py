"""The fast routes of agents: what agents.py answers, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked, Tagged
from tickets.models.claim.workload import agent_document


def me(asked: Asked) -> Any:
    found = None if asked.query else agent_document(asked.agent.pk)
    if found is None:
        return None
    document, version = found
    return Tagged(document.encode(), version)
