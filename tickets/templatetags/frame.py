"""What the frame of every page shows of the person who looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template

from agents.models.saved_view import address_of
from tickets.templatetags.attention import frame_of

register = template.Library()


@dataclass(frozen=True)
class View:
    """A saved view in the bar at the left."""

    name: str
    address: str
    current: bool


@dataclass(frozen=True)
class Frame:
    single_letters: bool = True
    views: tuple[View, ...] = ()


@register.simple_tag(takes_context=True)
def personal_frame(context: dict[str, Any]) -> Frame:
    request = context.get("request")  # a page about a fault may have none
    if not request or not request.user.is_authenticated:
        return Frame()
    row, here = frame_of(request), request.get_full_path()
    views = [(name, address_of(path, query)) for name, path, query in row["views"]]
    return Frame(
        row["single_letters"], tuple(View(name, address, address == here) for name, address in views)
    )
