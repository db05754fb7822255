"""What the frame of every page says of freezes."""

from __future__ import annotations

from typing import Any

from django import template

from tickets.models.freeze.frame import Frame, frame

register = template.Library()


@register.simple_tag(takes_context=True)
def freeze_frame(context: dict[str, Any]) -> Frame:
    request = context.get("request")  # a page about a fault may have none
    person = getattr(request, "user", None)
    return frame(person) if person and person.is_authenticated else Frame()
