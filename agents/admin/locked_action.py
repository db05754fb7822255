"""Admin actions that call a verb of the model on a locked row."""

from __future__ import annotations

from typing import Any


def on_locked(verb: str) -> Any:
    """An action that calls the verb of that name on the locked row."""
    return lambda row, request, reason: type(row).objects.act(row.pk, verb, by=request.user, reason=reason)
