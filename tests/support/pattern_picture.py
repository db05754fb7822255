"""A picture file of a pattern that runs, as the documents show it: its drawing with its own colours."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from omoi_site.settings import ROOT
from tickets.templatetags.task_graph import SHAPES, graph_lines

STYLE = """
svg {
  --surface: #fff; --text: #16181d; --muted: #5b6170; --line: #8a90a0;
  --ok: #1a7f4b; --running: #2a6fdb; --neutral: #8a90a0; --branches: #5b5bd6;
  background: var(--surface);
}
@media (prefers-color-scheme: dark) {
  svg {
    --surface: #14161c; --text: #eceef2; --muted: #a4aab8; --line: #7b8192;
    --ok: #4cc38a; --running: #6ea8fe; --neutral: #7b8192; --branches: #9b9bf5;
  }
}
text { font: 540 12px system-ui, sans-serif; fill: var(--text); }
.subtitle { font-weight: 400; font-size: 11px; fill: var(--muted); }
.edge { fill: none; stroke: var(--line); stroke-width: 1.5; }
.outline { fill: var(--surface); stroke: var(--tone); stroke-width: 1.5; }
.neutral .outline { stroke-dasharray: 3 3; }
.bar { fill: var(--tone); }
.icon { fill: none; stroke: var(--tone); stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; }
.ok { --tone: var(--ok); }
.running { --tone: var(--running); }
.neutral { --tone: var(--neutral); }
.branches { fill: var(--branches); fill-opacity: 0.08; stroke: var(--branches); stroke-opacity: 0.4; }
"""
SYMBOL = re.compile(r'<symbol id="([\w-]+)" viewBox="0 0 24 24">(.*?)</symbol>', re.DOTALL)


def picture(graph: Any) -> str:
    """The graph as the text of an SVG file."""
    drawing = graph.drawing
    icons = dict(SYMBOL.findall((ROOT / "static/site/icons.svg").read_text()))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width}" height="{drawing.height}"'
        f' viewBox="0 0 {drawing.width} {drawing.height}" role="img" aria-label="{escape(graph.label)}">',
        f"<style>{STYLE}</style>",
        graph_lines(graph).replace("><", ">\n<"),
        *(_node(node, icons[node.icon]) for node in graph.nodes),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _node(node: Any, icon: str) -> str:
    shape = SHAPES[node.shape]
    x, y = shape.icon
    title, subtitle = shape.lines
    return "\n".join(
        [
            f'<g class="{node.tone}" transform="translate({node.x:g} {node.y:g})">',
            shape.outline,
            f'<svg class="icon" x="{x}" y="{y}" width="15" height="15" viewBox="0 0 24 24">{icon}</svg>',
            f'<text x="{shape.text}" y="{title}">{escape(node.title)}</text>',
            f'<text class="subtitle" x="{shape.text}" y="{subtitle}">{escape(node.below)}</text>',
            "</g>",
        ]
    )
