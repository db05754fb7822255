"""Sentences that say what is in the way and what would help: those that tasks and tickets share.

Each function takes the columns of one task or ticket, with times in words. A remedy addresses the one who
must act (`who`) and names a button of the ticket's page, a command or a route. `on_page` names that page;
it is empty on the page itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Values = dict[str, Any]
Sentence = Callable[[Values], str]

START_CLOCK = "python3 manage.py clock"


def listed(names: list[str] | None, count: int) -> str:
    """The first names, and how many more there are."""
    names = names or []
    return ", ".join(names) + (f" and {count - len(names)} more" if count > len(names) else "")


def counted(noun: str, count: int) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shortened(text: str, length: int = 100) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def on_page(ticket: str, page: str) -> str:
    """Where a button is, for readers of the page of ticket `page` (empty: of no page)."""
    return "" if ticket == page else f" on the page of {ticket}"


def explain_command(key: str) -> str:
    return f"python3 manage.py explain {key}"


def by_clock(does: str) -> Sentence:
    """The remedy for what the clock does by itself: start the clock if it does not run."""

    def remedy(values: Values) -> str:
        if values["who"] == "clock":
            return f"The clock {does} by itself. If it does not, start it: {START_CLOCK}."
        return f"The clock does not run. Start it: {START_CLOCK}. It {does}."

    return remedy


def ticket_paused(values: Values) -> str:
    return _paused(f"ticket {values['ticket']}", values["pause_reason"])


def project_paused(values: Values) -> str:
    return _paused(f"project {values['project']}", values["project_reason"])


def _paused(name: str, reason: str) -> str:
    return f"{name} is paused{f': {reason}' if reason else ''}"


RESUME_TICKET = "Press Resume{on_page} (or POST /tickets/{ticket}/resume)."
RESUME_PROJECT = "Resume it: POST /projects/{project}/resume, or Resume projects in the admin."
ARCHIVED = "ticket {ticket} is archived"
RESTORE = "Restore {ticket}: POST /tickets/{ticket}/restore, or Restore tickets in the admin."
BLOCKED = "ticket {ticket} is blocked ({blocked_class}): {blocked_reason}"
UNBLOCK = "Remove what blocks {ticket}, then press Unblock{on_page}."
