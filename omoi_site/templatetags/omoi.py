"""Tags and filters for all pages: icons, ages, initials, an address with a changed query."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.conf import settings
from django.template.base import FilterExpression, Parser, TextNode, Token
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from omoi_site import field_limits, humanize

register = template.Library()


def icon(name: str, classes: str = "") -> SafeString:
    """One symbol of the sprite. It always stands beside a word, so it is hidden from screen readers."""
    return icon_markup(sprite(), name, classes)


@functools.cache
def icon_markup(sprite: str, name: str, classes: str) -> SafeString:
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" {classes}" if classes else "",
        sprite,
        name,
    )


def sprite() -> str:
    """The address of the icons. In development it changes with the file."""
    return static("site/icons.svg") if settings.DEBUG else _sprite()


@functools.cache
def _sprite() -> str:
    return static("site/icons.svg")


class IconNode(template.Node):
    def __init__(self, words: list[FilterExpression]) -> None:
        self.words = words

    def render(self, context: template.Context) -> SafeString:
        return icon(*(word.resolve(context) for word in self.words))


@register.tag("icon")
def icon_tag(parser: Parser, token: Token) -> template.Node:
    """`{% icon "lock" "sm" %}`. One whose words are all written out is drawn once, when its template is
    read.
    """
    node = IconNode([parser.compile_filter(word) for word in token.split_contents()[1:]])
    if settings.DEBUG or any(word.is_var or word.filters for word in node.words):
        return node
    return TextNode(node.render(template.Context()))


@register.filter
def age(at: datetime | None) -> str | SafeString:
    """How long ago: "34 s", "12 min", "7 h 24 min", "11 h", "1 d 2 h". A script in the browser keeps it
    current.
    """
    return moment(at, long, "long") if at else ""


@register.filter
def short_age(at: datetime | None) -> str | SafeString:
    """The same, short enough for a card: "7h"."""
    return moment(at, short, "short") if at else ""


@register.filter
def span(length: timedelta | None) -> str:
    """A length of time, in the format of `age`."""
    return long(length.total_seconds()) if length is not None else ""


def moment(at: datetime, words: Any, form: str) -> SafeString:
    text = words(max(0.0, (timezone.now() - at).total_seconds()))
    # only numbers and names of ours, so there is nothing to escape
    return SafeString(
        f'<time datetime="{at.isoformat(timespec="seconds")}" title="{exactly(at)}" data-age="{form}">'
        f"{text}</time>"
    )


def long(seconds: float) -> str:
    whole = int(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 1:
        return f"{whole} s"
    if hours < 1:
        return f"{minutes} min"
    if hours < 10:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{hours} h" if days < 1 else f"{days} d {hours % 24} h"


def short(seconds: float) -> str:
    whole = int(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


@register.filter
def initials(name: str) -> str:
    """Two characters for a small badge: "impl-04" gives I4, "Dana Ruiz" gives DR."""
    words = name.replace("-", " ").replace("_", " ").replace(".", " ").split()
    if not words:
        return "?"
    if len(words) == 1:
        return words[0][:2].upper()
    return (words[0][0] + (words[-1].lstrip("0") or "0")[0]).upper()


@register.filter
def actor(label: str) -> str:
    return humanize.actor(label)


@register.filter
def whole_actor(label: str) -> str:
    """With the kind, for a tooltip: "agent ada"."""
    kind, _, name = label.partition(":")
    return f"{'Omoi' if kind == 'system' else kind}: {name}" if name else label


@register.filter
def visible(text: str) -> str:
    """With each invisible character shown by its number."""
    return field_limits.visible(text)


@register.filter
def words(name: str) -> str:
    return humanize.phase(name)


@register.filter
def exactly(at: datetime | None) -> str:
    """The time to the second, for a tooltip on words such as "4 minutes ago"."""
    return at.astimezone(timezone.get_current_timezone()).strftime("%Y-%m-%d %H:%M:%S %Z") if at else ""


@register.simple_tag(takes_context=True)
def url_with(context: dict[str, Any], **changes: Any) -> str:
    """This page's address with these parameters set, or removed if the value is empty."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}" if query else context["request"].path
