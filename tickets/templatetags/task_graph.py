"""The drawing of a ticket's tasks. A graph may have a thousand nodes, so the markup of each is one format."""

from __future__ import annotations

import functools
from html import escape
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from omoi_site.templatetags.omoi import sprite, url_with

register = template.Library()

LINE = '<path class="edge {}" d="{}"/>'
NODE = """
<a id="node-{}" class="node {}" href="{}">
<g transform="translate({:g} {:g})"><title>{}</title><rect width="164" height="46" rx="8"/>{}
<text x="32" y="20" aria-hidden="true">{}</text>
<text x="32" y="36" class="node-subtitle" aria-hidden="true">{}</text></g></a>"""
ICON = '<svg class="icon" x="10" y="8" width="15" height="15"><use href="{}#{}"{}/></svg>'


@register.simple_tag
def graph_lines(tasks: Any) -> SafeString:
    return mark_safe("".join(LINE.format(line.tone, line.path) for line in tasks.graph.lines))


@register.simple_tag(takes_context=True)
def graph_nodes(context: dict[str, Any], tasks: Any) -> SafeString:
    """Each node leads to the row of its task, that of all folded ones to the graph with them."""
    of_task, symbols = addresses(context, tasks), sprite()
    unfolded = url_with(context, done="1", view="graph")
    return mark_safe(
        "".join(
            NODE.format(
                node.id,
                node.tone if node.id else f"{node.tone} folded",
                escape(of_task(node.id) if node.id else unfolded),
                node.x,
                node.y,
                escape(node.label),
                node_icon(symbols, node.icon, node.state == "running"),
                escape(node.title),
                escape(node.below),
            )
            for node in tasks.nodes
        )
    )


@register.simple_tag(takes_context=True)
def task_address(context: dict[str, Any], tasks: Any, pk: int) -> str:
    """Where the row of this task of the ticket is: on this page, or on another page of the list."""
    return addresses(context, tasks)(pk)


def addresses(context: dict[str, Any], tasks: Any) -> Any:
    elsewhere = url_with(context, tasks="", task="")
    more = f"{elsewhere}{'&' if '?' in elsewhere else '?'}task="

    def of_task(pk: int) -> str:
        return f"#task-{pk}" if pk in tasks.with_row else f"{more}{pk}#task-{pk}"

    return of_task


@functools.cache
def node_icon(sprite: str, name: str, spin: bool) -> SafeString:
    return format_html(ICON, sprite, name, SafeString(' class="spin"' if spin else ""))
