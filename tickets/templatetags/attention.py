"""The numbers beside the entries of the navigation."""

from __future__ import annotations

from typing import Any

from django import template

from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import MOST_COUNTED

register = template.Library()


@register.simple_tag(takes_context=True)
def frame_counts(context: dict[str, Any]) -> dict[str, str]:
    """The numbers beside the navigation, in all projects of the person; without those that are 0."""
    return shown_counts(frame_of(context["request"])) if context["request"].user.is_authenticated else {}


def frame_of(request: Any) -> dict[str, Any]:
    """What the frame shows of whoever is signed in, read once for a page."""
    if not hasattr(request, "frame"):
        request.frame = attention_list.frame(by=request.user)
    frame: dict[str, Any] = request.frame
    return frame


def counts_for(person: Any) -> dict[str, str]:
    return shown_counts(attention_list.frame_counts(by=person))


def shown_counts(counts: dict[str, Any]) -> dict[str, str]:
    return {name: shown_count(counts[name]) for name in ("attention", "board") if counts[name]}


def shown_count(count: int) -> str:
    """Only so many are counted: "99+" is exact enough."""
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")
