"""How states are drawn: each has its tone and its icon."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from omoi_site.templatetags.omoi import icon

register = template.Library()

TASK = {
    "done": ("ok", "circle-check"),
    "running": ("run", "loader-circle"),
    "failed": ("bad", "circle-x"),
    "stuck": ("warn", "lock"),
    "ready": ("info", "circle-dot"),
    "waiting": ("mute", "circle-dashed"),
    "cancelled": ("mute", "ban"),
}
MOVES = {
    "back": "warn",
    "blocked": "warn",
    "unblocked": "info",
    "cancelled": "mute",
    "reopened": "info",
    "forced": "bad",
    "imported": "mute",
}


@register.simple_tag
def task_tone(standing: str) -> str:
    return TASK[standing][0]


@register.simple_tag
def task_icon(standing: str) -> SafeString:
    return icon(TASK[standing][1], "spin" if standing == "running" else "")


@register.simple_tag
def move_tone(ground: str) -> str:
    return MOVES.get(ground, "ok")


@register.simple_tag(takes_context=True)
def folding(context: dict[str, Any], column: Any) -> str:
    """This board's address with the column folded, or unfolded when it is: the ends are opened by name, the others folded by name."""
    name = "open" if column.ended else "fold"
    query = context["request"].GET.copy()
    query.pop("filter", None)
    phases = [phase for phase in query.getlist(name) if phase != column.phase]
    query.setlist(name, phases if column.ended != column.folded else [*phases, column.phase])
    return f"{context['request'].path}?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def lengthening(context: dict[str, Any], column: Any) -> str:
    """This board's address with more cards of the column."""
    query = context["request"].GET.copy()
    query.pop("filter", None)
    query.setlist(
        "show", [show for show in query.getlist("show") if not show.startswith(f"{column.phase}.")] + [f"{column.phase}.{column.longer}"]
    )
    return f"{context['request'].path}?{query.urlencode()}#col-{column.phase}"
