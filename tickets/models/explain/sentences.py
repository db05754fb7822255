"""Sentences that say what is in the way and what would help: those that tasks and tickets share.

Each function takes the columns of one task or ticket, with times in words. A remedy addresses the one who
must act (`who`) and names a button of the ticket's page, a command or a route. `on_page` names that page;
it is empty on the page itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omoi_site import humanize
from omoi_site.humanize import counted

Values = dict[str, Any]
Sentence = Callable[[Values], str]

START_CLOCK = "python3 manage.py clock"


def listed(names: list[str] | None, count: int) -> str:
    """The first names, and how many more there are."""
    names = names or []
    return ", ".join(names) + (f" and {count - len(names)} more" if count > len(names) else "")


def late(over_s: float | None, late_s: float | None) -> str:
    """Of an open task whose deadline passed `over_s` seconds ago and that is expected `late_s` seconds after
    it, each below 0 where that is to come, and None where it is not known; empty if the task is in time.
    """
    if over_s is not None and over_s > 0:
        return f"its deadline passed {humanize.length(over_s)} ago"
    if over_s is not None and late_s is not None and late_s > 0:
        expected, left = humanize.length(late_s), humanize.length(-over_s)
        return f"it is expected {expected} after its deadline, which is in {left}"
    return ""


class Late(str):
    """Says of a ticket's task, by its key, that it is late; `sentence` says it without the key. `overdue`:
    its deadline has passed; else the task is expected after it.
    """

    task: int
    sentence: str
    overdue: bool

    @classmethod
    def of(cls, ticket: str, task: int, over_s: float | None, late_s: float | None) -> Late:
        sentence = late(over_s, late_s)
        said = cls(f"{ticket}.{task}: {sentence}")
        said.task, said.sentence, said.overdue = task, sentence, bool(over_s and over_s > 0)
        return said


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


def frozen(values: Values) -> str:
    what = "everything" if values["all_frozen"] else f"project {values['project']}"
    return f"{what} is frozen: {values['freeze_reason']}"


def thaw(values: Values) -> str:
    if values["all_frozen"]:
        key = values["project"]
        return f"Thaw everything: python3 manage.py thaw (or POST /thaw {{}}). For {key} alone: {_thaw(key)}."
    return f"Thaw it: {_thaw(values['project'])}."


def _thaw(key: str) -> str:
    return f'python3 manage.py thaw {key} (or POST /thaw {{"project": "{key}"}})'


def held_back(values: Values) -> str:
    """Why nobody is granted the task: which phase is full, or whose ticket waits too long there."""
    full, phase = values["full_phase"], humanize.phase(values["phase"])
    if full["is_full"]:
        return f"work of {phase} waits: {_full(full)}"
    return (
        f"work of {phase} waits: {full['key']} has waited for an {full['who']} in"
        f" {humanize.phase(full['phase'])} for more than {humanize.length(full['wip']['oldest_s'])}"
    )


def waits_for_room(values: Values) -> str:
    return f"it should move on, but {_full(values['full_phase'])}"


def waits_to_go_back(values: Values) -> str:
    return f"it was refused and should go back, but {_full(values['full_phase'])}"


def make_room(values: Values) -> str:
    """The remedy for a full phase: addressed to the people that one of its tickets waits for, if any."""
    full = values["full_phase"]
    there = explain_command(full["key"])
    if full["circle"]:
        return (
            f"Move {full['key']} back out of {humanize.phase(full['phase'])}, or remove what it needs of the"
            f" work that waits: {there}."
        )
    if full["who"]:
        return f"Look at {full['key']}, which waits for you the longest: {there}."
    return (
        "It goes on by itself when a ticket there has moved on. See what the first of them waits for:"
        f" {there}."
    )


def _full(full: Values) -> str:
    number = counted(full["wip"]["limit"], "ticket")
    said = f"{humanize.phase(full['phase'])} is full, with {number}"
    if full["circle"]:
        return f"{said}, and waits for itself: each ticket there needs work that waits for room"
    return said


RESUME_TICKET = "Press Resume{on_page} (or POST /tickets/{ticket}/resume)."
RESUME_PROJECT = "Resume it: POST /projects/{project}/resume, or Resume projects in the admin."
ARCHIVED = "ticket {ticket} is archived"
RESTORE = "Restore {ticket}: POST /tickets/{ticket}/restore, or Restore tickets in the admin."
BLOCKED = "ticket {ticket} is blocked ({blocked_class}): {blocked_reason}"
UNBLOCK = "Remove what blocks {ticket}, then press Unblock{on_page}."
