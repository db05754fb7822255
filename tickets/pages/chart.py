"""Lines of figures as SVG: the paths of a small one without axes, and of a chart of at most two lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]  # from the oldest on; None: not known
SMALL = (72, 26)  # width, height
LARGE = (680, 200)
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 10, 24  # around the lines of a chart
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
class Tick:
    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    width: int
    height: int
    left: int
    lines: Sequence[Line]
    rows: Sequence[Tick]  # of values
    columns: Sequence[Tick]  # of times


def small(values: Values) -> Line:
    """A line that fills its box."""
    width, height = SMALL
    return _line(values, 0, 2, width - 3, height - 4, top_of([values]))


def chart(lines: Sequence[Values], times: Sequence[str]) -> Chart:
    """`times`: words for each value; the first, the last and some between are shown."""
    if len(lines) > MOST_LINES:
        raise ValueError(f"a chart has at most {MOST_LINES} lines")
    width, height = LARGE
    inner, high = width - LEFT - RIGHT, height - TOP - BOTTOM
    top = round_top(top_of(lines))
    return Chart(
        width,
        height,
        LEFT,
        [_line(values, LEFT, TOP, inner, high, top) for values in lines],
        [Tick(_round(TOP + high * (1 - n / 2)), f"{top * n / 2:g}") for n in range(3)],
        list(_columns(times, inner)),
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


def _columns(times: Sequence[str], width: float) -> Iterator[Tick]:
    last = len(times) - 1
    for n in range(TICKS + 1):
        at = round(last * n / TICKS)
        anchor = "start" if n == 0 else "end" if n == TICKS else "middle"
        yield Tick(_round(LEFT + width * at / max(1, last)), times[at], anchor)


def _round(number: float) -> float:
    return round(number, 1)
