"""Plain words for values of the API: phases, actors, who must act, times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

COMMANDS = "system:cli"  # the actor in the journal: somebody who can run commands on this machine
UNITS = [("day", 86_400), ("hour", 3600), ("minute", 60)]
ROLES = {
    "operator": "an operator",
    "approver": "an approver",
    "admin": "an admin",
    "agents": "an agent",
    "clock": "the clock",
}


def phase(name: str) -> str:
    """A phase or a code: IN_REVIEW is "In review"."""
    return name.replace("_", " ").capitalize()


def thing(name: str) -> str:
    """A name of our own with its article: security_issue is "a security issue"."""
    words = name.replace("_", " ")
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def phases(names: Iterable[str]) -> str:
    return ", ".join(map(phase, names))


def who(waits: str) -> str:
    """Who or what is waited for: agent:ada is "ada", task:OMO-1.7 is "OMO-1.7", operator is "an operator"."""
    return ROLES.get(waits) or waits.partition(":")[2] or waits


def actor(label: str) -> str:
    """Who did it, without the kind: user:admin is "admin", and the system is "Omoi". Who can run commands on
    this machine is no part of the system.
    """
    if label == COMMANDS:
        return "the command line"
    kind, _, name = label.partition(":")
    return "Omoi" if kind == "system" else name or label


def relative(at: datetime | None, now: datetime) -> str:
    """A time relative to now: "4 minutes ago", "in 2 hours"; empty for None."""
    if at is None:
        return ""
    seconds = int((at - now).total_seconds())
    return f"in {length(seconds)}" if seconds > 0 else f"{length(-seconds)} ago"


def coming(left_s: float | None) -> str:
    """When something happens for which so many seconds are left: "in 2 hours", or "any moment now" if they
    have passed; empty for None.
    """
    if left_s is None:
        return ""
    return f"in {length(left_s)}" if left_s >= 1 else "any moment now"


def ends(at: datetime | None, now: datetime) -> str:
    """The end of a lease, with its verb: "ends in 4 minutes", "ended 2 seconds ago"; empty for None."""
    said = relative(at, now)
    return said and f"{'ended' if said.endswith('ago') else 'ends'} {said}"


def passed(since: datetime | None, now: datetime) -> str:
    """How long ago a time is: "4 minutes"; empty for None."""
    return "" if since is None else length(max(0, int((now - since).total_seconds())))


def length(seconds: float) -> str:
    """A length of time in its largest unit: "4 minutes"."""
    unit, size = next((unit_size for unit_size in UNITS if seconds >= unit_size[1]), ("second", 1))
    return counted(int(seconds // size), unit)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(bytes_: int) -> str:
    return counted(bytes_, "byte")
