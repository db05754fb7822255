"""Who did it, as the journal writes it: `agent:ada`, `user:admin`, `system:clock`."""

from __future__ import annotations

from typing import Any


def label(by: Any) -> str:
    """The actor's name in the journal and in history; a plain string stands for the system's own parts."""
    if isinstance(by, str):
        return by
    return getattr(by, "label", None) or f"user:{by.get_username()}"


def via(by: Any) -> str:
    """Prefix of the key the actor came with; empty for a browser session and for the system."""
    return getattr(by, "via_key", "")
