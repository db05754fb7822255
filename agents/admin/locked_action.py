"""Admin actions that call a verb of the model on a locked row."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from agents.models import Agent, callbacks


def on_locked(verb: str) -> Any:
    """An action that calls the verb of that name on the locked row."""
    return lambda row, request, reason: type(row).objects.act(row.pk, verb, by=request.user, reason=reason)


def before(verb: str) -> Any:
    """What is to be known before this verb of an agent."""

    def words(agent: Agent, request: HttpRequest) -> str:
        return callbacks.ask(f"agent.before_{verb}", agent, by=request.user)

    return words
