"""The drawing of a ticket's tasks. A graph may have a thousand nodes, so the markup of each is one format."""

from __future__ import annotations

import functools
from html import escape
from typing import Any, NamedTuple

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from omoi_site.templatetags.omoi import sprite, url_with

register = template.Library()

LINE = '<path class="edge {}" d="{}"/>'
FRAME = '<rect class="branches" x="{:g}" y="{:g}" width="{:g}" height="{:g}" rx="12"/>'
NODE = """
<a id="node-{}" class="node {}" href="{}">
<g transform="translate({:g} {:g})"><title>{}</title>{}</g></a>"""
PLAIN = '<g class="node {}" transform="translate({:g} {:g})"><title>{}</title>{}</g>'
INSIDE = """{}{}{}
<text x="{}" y="{}" aria-hidden="true">{}</text>
<text x="{}" y="{}" class="node-subtitle" aria-hidden="true">{}</text>"""
CANCELS = '<g class="cancels" transform="translate(0 {})"><circle r="7"/><path d="M-3-3 3 3M3-3-3 3"/></g>'
CRITICAL = '<path class="critical-mark" d="M8-5 13 0 8 5 3 0Z"/>'
ICON = '<svg class="icon" x="{}" y="{}" width="15" height="15"><use href="{}#{}"{}/></svg>'


class Shape(NamedTuple):
    """The outline of a node, and where its icon, title and subtitle stand, and where its edges end."""

    outline: str
    icon: tuple[int, int] = (10, 8)
    text: int = 32
    lines: tuple[int, int] = (20, 36)
    middle: int = 23


ALONE = 7  # how much lower a title stands that has no subtitle
TASK = '<rect class="outline" width="164" height="46" rx="8"/>'
SHAPES = {
    "task": Shape(TASK),
    "join": Shape(f'{TASK}<path class="bar" d="M0 8Q0 0 5 0V46Q0 46 0 38Z"/>', (12, 8), 33),
    # a barrier at which all wait, and an arrow in which several become one
    "sync": Shape(
        '<rect class="outline" width="148" height="40"/><path class="bar" d="M0 0h6v40h-6Z"/>',
        (13, 6),
        34,
        (17, 32),
        20,
    ),
    "merge": Shape('<path class="outline" d="M0 0H136L148 20L136 40H0Z"/>', (9, 6), 29, (17, 32), 20),
}


@register.simple_tag
def graph_lines(graph: Any) -> SafeString:
    """The frames around the tasks of a split, and the edges."""
    frames = (FRAME.format(*frame) for frame in graph.drawing.frames)
    lines = (
        LINE.format(
            f"{line.tone} {line.when and f'on-{line.when}'}{' critical' * line.critical}".strip(), line.path
        )
        for line in graph.lines
    )
    return mark_safe("".join([*frames, *lines]))


@register.simple_tag(takes_context=True)
def graph_nodes(context: dict[str, Any], tasks: Any) -> SafeString:
    """Each node leads to the row of its task, that of all folded ones to the graph with them."""
    of_task, symbols = addresses(context, tasks), sprite()
    unfolded = url_with(context, done="1", view="graph")
    return mark_safe(
        "".join(node_markup(node, of_task(node.id) if node.id else unfolded, symbols) for node in tasks.nodes)
    )


def node_markup(node: Any, address: str, symbols: str) -> str:
    tone = f"{node.tone}{' critical' * node.critical}" if node.id else f"{node.tone} folded"
    return NODE.format(
        node.id, tone, escape(address), node.x, node.y, escape(node.label), inside(node, symbols)
    )


def inside(node: Any, symbols: str) -> str:
    """The outline, icon and texts of a node, and the mark that it cancels the others."""
    shape = SHAPES[node.shape]
    lower = 0 if node.below else ALONE
    icon = (shape.icon[0], shape.icon[1] + lower)
    marks = CANCELS.format(shape.middle) if node.cancels else ""
    return INSIDE.format(
        shape.outline,
        f"{marks}{CRITICAL}" if node.critical else marks,
        node_icon(symbols, node.icon, node.state == "running", icon),
        shape.text,
        shape.lines[0] + lower,
        escape(node.title),
        shape.text,
        shape.lines[1],
        escape(node.below),
    )


@register.simple_tag
def graph_picture(graph: Any) -> SafeString:
    """The lines and nodes of a graph whose nodes lead nowhere."""
    symbols = sprite()
    nodes = (
        PLAIN.format(node.tone, node.x, node.y, escape(node.label), inside(node, symbols))
        for node in graph.nodes
    )
    return mark_safe("".join([graph_lines(graph), *nodes]))


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
def node_icon(sprite: str, name: str, spin: bool, place: tuple[int, int]) -> SafeString:
    return format_html(ICON, *place, sprite, name, SafeString(' class="spin"' if spin else ""))
