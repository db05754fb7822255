"""Lines of figures as SVG: the paths of a small one without axes, and of a chart of at most two lines.

A chart is stretched to the width that there is; so its words stand beside the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]  # from the oldest on; None: not known
SMALL = (72, 26)  # width, height
LARGE = (1000, 200)
MARGIN = 6  # around the lines of a chart, so that they are drawn whole
MOST_LINES = 2
TICKS = 4


@dataclass(frozen=True)
class Line:
    """`path` breaks where a value is not known; `area` reaches from it to the bottom. `end`: its last
    point.
    """

    path: str
    area: str
    end: tuple[float, float] | None


@dataclass(frozen=True)
class Chart:
    width: int
    height: int
    lines: Sequence[Line]
    values: Sequence[str]  # from the top to the bottom, evenly
    times: Sequence[str]  # from the left to the right, evenly
    grid: Sequence[float]  # the height of each of the values


def small(values: Values) -> Line:
    """A line that fills its box."""
    width, height = SMALL
    return _line(values, 0, 2, width - 3, height - 4, top_of([values]))


def chart(lines: Sequence[Values], times: Sequence[str]) -> Chart:
    """`times`: words for each value; the first, the last and some between are shown."""
    if len(lines) > MOST_LINES:
        raise ValueError(f"a chart has at most {MOST_LINES} lines")
    width, height = LARGE
    inner, high = width - 2 * MARGIN, height - 2 * MARGIN
    top, last = round_top(top_of(lines)), len(times) - 1
    return Chart(
        width,
        height,
        [_line(values, MARGIN, MARGIN, inner, high, top) for values in lines],
        [f"{top * n / 2:g}" for n in (2, 1, 0)],
        [times[round(last * n / TICKS)] for n in range(TICKS + 1)],
        [_round(MARGIN + high * n / 2) for n in range(3)],
    )


def top_of(lines: Sequence[Values]) -> float:
    return max((value for values in lines for value in values if value), default=1)


def round_top(most: float) -> float:
    """The next even number of the form 2, 4, 6, 8, 10, 20, 40, …"""
    size = 1
    while most > 10 * size:
        size *= 10
    return float(next(size * step for step in (2, 4, 6, 8, 10) if most <= size * step))


def _line(values: Values, left: float, top: float, width: float, height: float, most: float) -> Line:
    step = width / max(1, len(values) - 1)
    places = [
        None if value is None else (_round(left + n * step), _round(top + height * (1 - value / most)))
        for n, value in enumerate(values)
    ]
    path, area, bottom = [], [], _round(top + height)
    for run in _runs(places):
        path.append("M" + "L".join(f"{x} {y}" for x, y in run))
        area.append(
            f"M{run[0][0]} {bottom}L" + "L".join(f"{x} {y}" for x, y in run) + f"L{run[-1][0]} {bottom}Z"
        )
    known = [place for place in places if place]
    return Line("".join(path), "".join(area), known[-1] if known else None)


def _runs(places: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    """Points without a gap between them."""
    run: list[tuple[float, float]] = []
    for place in [*places, None]:
        if place:
            run.append(place)
        elif run:
            yield run
            run = []


def _round(number: float) -> float:
    return round(number, 1)
