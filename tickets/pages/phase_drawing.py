"""The phases of a workflow as a drawing: one below the other, moves onward on the right, moves back on the
left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omoi_site.humanize import counted
from tickets.workflows.document import Phase, Plan

WIDTH, HEIGHT, BELOW, MARGIN = 200, 46, 24, 8  # of a phase; the gap to the next; around all
LANE, CURVE, HEAD = 12, 8, 5  # width of a lane for moves, radius of its corners, length of an arrow's head


@dataclass(frozen=True)
class Node:
    """A phase. `y` is its upper edge."""

    phase: Phase
    start: bool
    y: int

    @property
    def below(self) -> str:
        """What happens in it, in a few words."""
        phase = self.phase
        words = [
            "starts here" if self.start else "",
            _counted(len(phase.tasks), "task"),
            _counted(len(phase.gate), "check"),
            "automatic" if phase.automatic else "",
            "the end" if phase.terminal else "",
        ]
        return " · ".join(word for word in words if word) or "moved by a person"

    @property
    def icon(self) -> str:
        if self.phase.terminal:
            return "circle-check"
        return "shield-check" if self.phase.gate else "circle-dot" if self.start else "circle"


@dataclass(frozen=True)
class Line:
    """A move. `back`: to an earlier phase. `head`: the path of its arrow's head."""

    path: str
    head: str
    back: bool


@dataclass(frozen=True)
class PhaseDrawing:
    nodes: list[Node]
    lines: list[Line]
    left: int
    width: int
    height: int
    label: str


def draw(plan: Plan) -> PhaseDrawing:
    """The drawing of a workflow's phases and moves."""
    place = {phase.name: phase.position for phase in plan.phases}
    moves = [(phase.position, place[to]) for phase in plan.phases for to in phase.to]
    onward = _lanes((one, other) for one, other in moves if other > one + 1)
    back = _lanes((one, other) for one, other in moves if other < one)
    left = MARGIN + LANE * (1 + max(back.values(), default=-1))
    right = left + WIDTH
    lines = [
        _step(one, left + WIDTH // 2)
        if other == one + 1
        else _arc(one, other, right, LANE * (onward[one, other] + 1))
        if other > one
        else _arc(one, other, left, -LANE * (back[one, other] + 1))
        for one, other in moves
    ]
    width = right + MARGIN + LANE * (1 + max(onward.values(), default=-1))
    height = 2 * MARGIN + len(plan.phases) * (HEIGHT + BELOW) - BELOW
    nodes = [Node(phase, phase.name == plan.start, _top(phase.position)) for phase in plan.phases]
    return PhaseDrawing(nodes, lines, left, width, height, _in_words(plan))


def _lanes(moves: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """A lane for each move, short ones next to the phases, so that moves in one lane do not overlap."""
    lanes: dict[tuple[int, int], int] = {}
    ends: list[list[tuple[int, int]]] = []
    for move in sorted(moves, key=lambda move: (abs(move[0] - move[1]), min(move))):
        low, high = sorted(move)
        lane = next(
            (number for number, taken in enumerate(ends) if all(high <= a or low >= b for a, b in taken)),
            len(ends),
        )
        if lane == len(ends):
            ends.append([])
        ends[lane].append((low, high))
        lanes[move] = lane
    return lanes


def _top(position: int) -> int:
    return MARGIN + position * (HEIGHT + BELOW)


def _step(one: int, x: int) -> Line:
    """To the next phase, straight down."""
    begin, end = _top(one) + HEIGHT, _top(one + 1)
    return Line(f"M{x} {begin}V{end}", f"M{x - HEAD} {end - HEAD}L{x} {end}L{x + HEAD} {end - HEAD}", False)


def _arc(one: int, other: int, x: int, away: int) -> Line:
    """Out of the side at `x`, along its lane, and in again; it leaves below the middle and comes in above."""
    begin, end = _top(one) + HEIGHT // 2 + 6, _top(other) + HEIGHT // 2 - 6
    turn = CURVE if end > begin else -CURVE
    bend = CURVE if away > 0 else -CURVE
    lane = x + away
    path = (
        f"M{x} {begin}H{lane - bend}Q{lane} {begin} {lane} {begin + turn}"
        f"V{end - turn}Q{lane} {end} {lane - bend} {end}H{x}"
    )
    head = HEAD if away > 0 else -HEAD
    return Line(path, f"M{x + head} {end - HEAD}L{x} {end}L{x + head} {end + HEAD}", away < 0)


def _counted(number: int, noun: str) -> str:
    return counted(number, noun) if number else ""


def _in_words(plan: Plan) -> str:
    """What the drawing shows, for those who do not see it."""
    ways = [
        f"{phase.name} leads to {', '.join(phase.to)}" if phase.to else f"{phase.name} is the end"
        for phase in plan.phases
    ]
    return f"Phases: {'; '.join(ways)}"
