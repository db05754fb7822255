"""How states are drawn: each has its tone and its icon."""

from __future__ import annotations

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
