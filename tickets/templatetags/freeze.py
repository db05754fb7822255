"""The line on every page that says what is frozen."""

from __future__ import annotations

from typing import Any

from django import template

from omoi_site import humanize
from tickets.models.explain.sentences import listed
from tickets.models.freeze.freeze import shown

register = template.Library()
MOST = 5  # names of projects in the line


@register.simple_tag(takes_context=True)
def frozen_line(context: dict[str, Any]) -> str:
    """What is frozen of what the person sees, and why; empty if nothing is."""
    request = context.get("request")  # a page about a fault may have none
    freezes = shown(request.user) if request and request.user.is_authenticated else []
    if not freezes:
        return ""
    first = freezes[0]
    names = [freeze["project"] for freeze in freezes if freeze["project"]]
    everything = first["project"] is None
    if everything:
        thawed = [key for key in first["thawed"] if key not in names]
        what = f"Everything except {listed(thawed[:MOST], len(thawed))}" if thawed else "Everything"
    else:
        what = listed(names[:MOST], len(names))
    verb = "is" if everything or len(names) == 1 else "are"
    why = f" by {humanize.actor(first['by'])}: {first['reason']}" if verb == "is" else ""
    return f"{what} {verb} frozen{why}. No work is granted there, and nothing moves by itself."
