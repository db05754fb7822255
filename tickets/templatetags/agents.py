"""Tags for agents: their slots, and the minutes in which they were heard from, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from omoi_site import humanize
from omoi_site.templatetags.omoi import exactly

register = template.Library()


@register.simple_tag
def slots(row: Any) -> SafeString:
    """A block for each task that the agent can hold; the number stands beside them."""
    blocks = "".join('<i class="used"></i>' if used else "<i></i>" for used in row.slots)
    return mark_safe(f'<span class="slots" aria-hidden="true">{blocks}</span>') if blocks else SafeString("")


@register.simple_tag
def heartbeat_bars(bars: Sequence[str]) -> SafeString:
    """A bar for each minute; the words stand beside them."""
    drawn = "".join(f'<i class="{mark}"></i>' if mark != "heard" else "<i></i>" for mark in bars)
    return mark_safe(f'<span class="heartbeats" aria-hidden="true">{drawn}</span>')


@register.simple_tag
def heartbeat_day(bars: Sequence[Any]) -> SafeString:
    """A bar for each part of the day, which says its time."""
    drawn = format_html_join("", '<i class="{}" title="{}"></i>', ((bar.mark, bar.title) for bar in bars))
    return format_html('<span class="heartbeats day" aria-hidden="true">{}</span>', drawn)


@register.filter
def until(at: datetime | None) -> str | SafeString:
    """How long until a time: "in 12 minutes", or how long ago it was."""
    if at is None:
        return ""
    words = humanize.relative(at, timezone.now())
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exactly(at), words)
