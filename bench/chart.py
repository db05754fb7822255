"""A chart of ratios as SVG, made by hand: one bar for each measure, on a logarithmic scale on which 1 is as
fast as the peer. It follows the reader's light or dark scheme.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bench.rounds import rounded

LEFT, RIGHT, ROW, TOP, WIDTH = 330, 70, 30, 62, 860
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.title { font-size: 16px; font-weight: 600 }
.bar { fill: #0969da }
.behind { fill: #bc4c00 }
.spread { stroke: #1f2328; stroke-width: 1.5 }
.grid { stroke: #d1d9e0 }
.equal { stroke: #59636e; stroke-dasharray: 4 3 }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .bar { fill: #4493f8 }
  .behind { fill: #f0883e }
  .spread { stroke: #e6edf3 }
  .grid { stroke: #3d444d }
  .equal { stroke: #9198a1 }
  .paper { fill: #0d1117 }
}
"""


@dataclass(frozen=True)
class Bar:
    """How many times as fast as the peer, with the smallest and the largest of the rounds."""

    name: str
    peer: str
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, ratio: Mapping[str, Any]) -> Bar:
        """The bar of a ratio in a bench's document. Where less is better, it is turned round."""
        median, low, high = (ratio[part] for part in ("median", "low", "high"))
        if ratio["better"] == "less":
            median, low, high = 1 / median, 1 / high, 1 / low
        return cls(name.partition(" vs ")[0], ratio["to"], median, low, high)


def write_chart(path: Path, title: str, ratios: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the chart of these ratios, by the names of their measures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chart(title, [Bar.of(name, ratio) for name, ratio in ratios.items()]))


def chart(title: str, bars: Sequence[Bar]) -> str:
    """The SVG document."""
    low = min([0.5, *(bar.low for bar in bars)])
    high = max([2.0, *(bar.high for bar in bars)])
    first, last = math.floor(math.log10(low) * 3) / 3, math.ceil(math.log10(high) * 3) / 3
    height = TOP + ROW * len(bars) + 34

    def place(value: float) -> float:
        share = (math.log10(value) - first) / (last - first)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    foot = TOP + ROW * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        '<text class="small" x="16" y="46">times as fast as the peer: median and spread of the rounds</text>',
    ]
    for mark in marks(first, last):
        x = place(mark)
        parts.append(
            f'<line class="{"equal" if mark == 1 else "grid"}" x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{foot}"/>'
        )
        parts.append(f'<text class="small" x="{x}" y="{foot + 18}" text-anchor="middle">{mark:g}</text>')
    for number, bar in enumerate(bars):
        parts += _row(bar, TOP + ROW * number, place)
    return "\n".join([*parts, "</svg>", ""])


def _row(bar: Bar, top: float, place: Callable[[float], float]) -> list[str]:
    one, end = place(1.0), place(bar.value)
    kind = "bar" if bar.value >= 1 else "bar behind"
    middle = top + ROW / 2
    return [
        f'<text x="{LEFT - 12}" y="{middle - 1}" text-anchor="end">{escape(bar.name)}</text>',
        f'<text class="small" x="{LEFT - 12}" y="{middle + 11}" text-anchor="end">{escape(bar.peer)}</text>',
        f'<rect class="{kind}" x="{min(one, end)}" y="{top + 6}" width="{max(1, abs(end - one)):.1f}"'
        f' height="{ROW - 12}" rx="2"/>',
        f'<line class="spread" x1="{place(bar.low)}" x2="{place(bar.high)}" y1="{middle}" y2="{middle}"/>',
        f'<text x="{WIDTH - 12}" y="{middle + 4}" text-anchor="end">{rounded(bar.value):g}</text>',
    ]


def marks(first: float, last: float) -> list[float]:
    """1, 2, 5, 10, 20, 50, … between these powers of ten."""
    tens = range(math.floor(first), math.ceil(last) + 1)
    found = [digit * 10.0**ten for ten in tens for digit in (1, 2, 5)]
    return [mark for mark in found if first - 1e-9 <= math.log10(mark) <= last + 1e-9]
