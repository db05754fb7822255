"""Tags for acts on many tasks: what they do, in words."""

from __future__ import annotations

from typing import Any

from django import template

from omoi_site.humanize import counted
from tickets.models.ticket.fields import Priority

register = template.Library()
VERBS = {
    "retry": ("Retry {}", "retries {}", "Retried {}"),
    "cancel": ("Cancel {}", "cancels {}", "Cancelled {}"),
    "bump": ("Bump {}", "bumps {}", "Bumped {}"),
    "prioritise": ("Set the priority of {}", "sets the priority of {}", "Set the priority of {}"),
}
# What would be possible: "1,180 can be retried".
POSSIBLE = {
    "retry": "can be retried",
    "cancel": "can be cancelled",
    "bump": "can be bumped",
    "prioritise": "can be given another priority",
}
DONE = {
    "retry": "retried",
    "cancel": "cancelled",
    "bump": "bumped",
    "prioritise": "given another priority",
}


@register.simple_tag
def bulk_words(bulk: Any, form: str = "does") -> str:
    """What the act does: "retries 1,204 tasks". form: `title` for "Retry 1,204 tasks", `done`."""
    words = VERBS[bulk.act][{"title": 0, "does": 1, "done": 2}[form]].format(counted(bulk.number, "task"))
    priority = bulk.arguments.get("priority")
    return words if priority is None else f"{words} to {Priority(priority).name.lower()}"


@register.filter
def possible_words(act: str) -> str:
    return POSSIBLE[act]


@register.filter
def done_words(act: str) -> str:
    return DONE[act]


@register.filter
def button_words(act: str) -> str:
    return "Set the priority of" if act == "prioritise" else act.capitalize()


@register.filter
def thousands(number: int) -> str:
    return f"{number:,}"
