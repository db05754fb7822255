"""Tags for states: tones, icons and addresses."""

from __future__ import annotations

import functools
import re
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from omoi_site import field_limits, humanize
from omoi_site.templatetags.omoi import icon, icon_markup, sprite
from tickets.templatetags.addresses import task_page, ticket_address
from tickets.workflows.document import Plan

register = template.Library()

POINT = re.compile(r"^- ([A-Z][A-Z0-9_]*)\b", re.MULTILINE)  # of a summary of context
TASK = {
    "done": ("ok", "circle-check"),
    "running": ("running", "loader-circle"),
    "failed": ("bad", "circle-x"),
    "stuck": ("warn", "lock"),
    "ready": ("info", "circle-dot"),
    "waiting": ("neutral", "circle-dashed"),
    "cancelled": ("neutral", "ban"),
}
PRIORITIES = {"critical": "zap", "high": "signal-high", "medium": "signal-medium"}


@register.simple_tag
def task_tone(status: str) -> str:
    return TASK[status][0]


@register.simple_tag
def task_icon(status: str) -> SafeString:
    return icon(TASK[status][1], "spin" if status == "running" else "")


@register.simple_tag
def priority_icon(name: str) -> SafeString:
    return priority_markup(sprite(), name)


@functools.cache
def priority_markup(sprite: str, name: str) -> SafeString:
    return format_html(
        '<span class="priority-{}" title="Priority: {}">{}<span class="sr-only">Priority {}</span></span>',
        name,
        name,
        icon_markup(sprite, PRIORITIES.get(name, "signal-low"), "sm"),
        name,
    )


@register.simple_tag
def progress_bar(tally: Any) -> SafeString:
    """The numbers of tasks by status as one bar."""
    parts = (
        ("ok", tally.done),
        ("running", tally.running),
        ("bad", tally.failed),
        ("warn", tally.stuck),
        ("neutral", tally.pending),
    )
    bars = "".join(f'<i class="{tone}" style="flex:{count}"></i>' for tone, count in parts if count)
    # only numbers and words of ours, so there is nothing to escape
    return SafeString(f'<div class="progress-bar" role="img" aria-label="{tally.as_text}">{bars}</div>')


@register.simple_tag(takes_context=True)
def folding(context: dict[str, Any], column: Any) -> str:
    """This board's address with the column folded, or unfolded if it is folded. The address names the columns
    that differ from their initial state.
    """
    name = "open" if column.starts_folded else "fold"
    query = context["request"].GET.copy()
    query.pop("filter", None)
    phases = [phase for phase in query.getlist(name) if phase != column.phase]
    query.setlist(name, phases if column.starts_folded != column.folded else [*phases, column.phase])
    return f"{context['request'].path}?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def lengthening(context: dict[str, Any], column: Any) -> str:
    """This board's address with more cards in the column."""
    query = context["request"].GET.copy()
    query.pop("filter", None)
    query.setlist(
        "show",
        [show for show in query.getlist("show") if not show.startswith(f"{column.phase}.")]
        + [f"{column.phase}.{column.longer}"],
    )
    return f"{context['request'].path}?{query.urlencode()}#column-{column.phase}"


@register.simple_tag(takes_context=True)
def awaited(context: dict[str, Any], who: str) -> SafeString:
    """Who or what is waited for, as a badge with a link."""
    kind, _, name = who.partition(":")
    text = humanize.who(who)
    address = ""
    if kind == "task":
        address = task_page(name)
    elif kind == "ticket":
        address = ticket_address(name)
    elif kind == "agent":
        address = reverse("agents:detail", args=[name])
    if address:
        return format_html('<a class="badge neutral" href="{}">{}</a>', address, text)
    return format_html(
        '<span class="badge neutral">{}</span>', text if kind == "agent" else text[:1].upper() + text[1:]
    )


@register.filter
def size(bytes_: int) -> str:
    """ "212 kB"."""
    for unit, one in (("MB", 1_000_000), ("kB", 1_000)):
        if bytes_ >= one:
            return f"{bytes_ / one:.1f} {unit}"
    return f"{bytes_} B"


@register.filter
def percent(share: float) -> str:
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


@register.filter
def sentence(text: str) -> str:
    """The text with a capital letter and a full stop; a key at the beginning is not changed."""
    if text.endswith(("?", "!")):
        return f"{text[:1].upper()}{text[1:]}"
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


@register.filter
def phases_in_words(summary: str, plan: Plan) -> str:
    """A summary of a ticket's context for people: the phase at the beginning of each point in words."""
    return POINT.sub(
        lambda found: f"- {humanize.phase(found[1])}" if found[1] in plan else found[0],
        field_limits.visible(summary),
    )
