"""What the frame of every page shows of the person who looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template

from agents.models.saved_view import address_of
from tickets.models.attention.attention_list import MOST_COUNTED
from tickets.models.frame import Frame, frame

register = template.Library()


@dataclass(frozen=True)
class View:
    """A saved view in the bar at the left."""

    name: str
    address: str
    current: bool


@register.simple_tag(takes_context=True)
def page_frame(context: dict[str, Any]) -> Frame:
    request = context.get("request")  # a page about a fault may have none
    person = getattr(request, "user", None)
    return frame_of(request) if person and person.is_authenticated else Frame()


def frame_of(request: Any) -> Frame:
    """That of whoever is signed in, read once for a page."""
    if not hasattr(request, "_frame"):
        request._frame = frame(request.user)
    found: Frame = request._frame
    return found


@register.simple_tag(name="frame_counts")
def counts(found: Frame) -> dict[str, str]:
    """The numbers beside the navigation; without those that are 0."""
    return {name: shown_count(count) for name in ("attention", "board") if (count := getattr(found, name))}


def shown_count(count: int) -> str:
    """Only so many are counted: "99+" is exact enough."""
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")


@register.simple_tag(takes_context=True)
def saved_views(context: dict[str, Any], found: Frame) -> list[View]:
    here = context["request"].get_full_path() if found.views else ""
    views = [(name, address_of(path, query)) for name, path, query in found.views]
    return [View(name, address, address == here) for name, address in views]
