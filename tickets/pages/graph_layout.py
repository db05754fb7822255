"""Lays out a graph without cycles in layers from left to right: a place for each node, a path for each edge,
and a frame around nodes that belong together. Each sweep is O(V + E): the bends of long edges are limited.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import NamedTuple

WIDTH, HEIGHT = 164, 46  # of a node
BESIDE, BELOW, MARGIN = 30, 14, 8  # gaps between layers and between nodes of a layer; margin around all
AROUND = 5  # from a node to the frame around it
BEND = 16  # height of an edge where it passes a layer
ORDERINGS, SETTLINGS = 6, 8
BENDS = 10_000  # in all, for the shortest edges; longer ones go straight behind the nodes

Node = Hashable


@dataclass(frozen=True)
class Bend:
    """The point where a long edge passes a layer."""

    edge: tuple[Node, Node]
    layer: int


class Size(NamedTuple):
    width: int = WIDTH
    height: int = HEIGHT


class Frame(NamedTuple):
    """Around nodes of one group that stand one below the other."""

    x: float
    y: float
    width: float
    height: float


USUAL = Size()


@dataclass
class Drawing:
    """`places` are the upper left corners, `paths` SVG path data by edge."""

    places: dict[Node, tuple[float, float]] = field(default_factory=dict)
    paths: dict[tuple[Node, Node], str] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    width: int = 0
    height: int = 0


def lay_out(
    nodes: Sequence[Node],
    edges: Iterable[tuple[Node, Node]],
    sizes: Mapping[Node, Size] | None = None,
    groups: Mapping[Node, Hashable] | None = None,
) -> Drawing:
    """Lay these nodes out. Nodes of one group stand together where they are in one layer. Raises ValueError
    if the edges form a cycle.

    sizes: of the nodes that do not have the usual one.
    """
    if not nodes:
        return Drawing()
    layout = Layout(nodes, list(dict.fromkeys(edges)), sizes or {}, groups or {})
    return layout.draw()


class Layout:
    def __init__(
        self,
        nodes: Sequence[Node],
        edges: Sequence[tuple[Node, Node]],
        sizes: Mapping[Node, Size],
        groups: Mapping[Node, Hashable],
    ) -> None:
        self.sizes, self.groups = sizes, groups
        self.before: dict[Node, list[Node]] = defaultdict(list)
        self.after: dict[Node, list[Node]] = defaultdict(list)
        for parent, child in edges:
            self.after[parent].append(child)
            self.before[child].append(parent)
        self.nodes = nodes
        self.layer = self._layers()
        self.left: dict[Node, list[Node]] = defaultdict(
            list
        )  # neighbours in the layer before, including bends
        self.right: dict[Node, list[Node]] = defaultdict(list)
        self.chains: dict[tuple[Node, Node], list[Node]] = {}
        self.rows: dict[int, list[Node]] = defaultdict(list)
        for node in nodes:
            self.rows[self.layer[node]].append(node)
        left = BENDS
        for edge in sorted(edges, key=self._passed):
            left -= self._passed(edge)
            if left < 0:
                self.chains[edge] = list(edge)
            else:
                self._chain(edge)
        self.order = sorted(self.rows)
        self.across = {  # the width of each layer
            number: max((self._size(node).width for node in row if not isinstance(node, Bend)), default=WIDTH)
            for number, row in self.rows.items()
        }
        self.x, at = {}, float(MARGIN)  # the left side of each layer
        for number in self.order:
            self.x[number] = at
            at += self.across[number] + BESIDE

    def draw(self) -> Drawing:
        for sweep in range(ORDERINGS):
            self._sort(rightward=sweep % 2 == 0)
        self._settle()
        self._close_gaps()
        top = min(self.y.values())
        places = {
            node: (self.x[self.layer[node]], round(self.y[node] - top + MARGIN, 1)) for node in self.nodes
        }
        bends: dict[Node, float] = {
            node: round(y - top + MARGIN + BEND / 2, 1)
            for node, y in self.y.items()
            if isinstance(node, Bend)
        }
        paths = {edge: self._path(chain, places, bends) for edge, chain in self.chains.items()}
        last = self.order[-1]
        return Drawing(
            places,
            paths,
            self._frames(places),
            round(self.x[last] + self.across[last] + MARGIN),
            round(max(y + self._high(node) for node, y in self.y.items()) - top + 2 * MARGIN),
        )

    def _layers(self) -> dict[Node, int]:
        """The layer of each node, after all its predecessors. A node without predecessors is placed just
        before its successors.
        """
        left = {node: len(self.before[node]) for node in self.nodes}
        free = deque(node for node in self.nodes if not left[node])
        layer: dict[Node, int] = {}
        while free:
            node = free.popleft()
            layer[node] = 1 + max((layer[parent] for parent in self.before[node]), default=-1)
            for child in self.after[node]:
                left[child] -= 1
                if not left[child]:
                    free.append(child)
        if len(layer) != len(self.nodes):
            raise ValueError("the edges close a cycle")
        for node in self.nodes:
            if self.after[node] and not self.before[node]:
                layer[node] = min(layer[child] for child in self.after[node]) - 1
        return layer

    def _passed(self, edge: tuple[Node, Node]) -> int:
        """How many layers the edge passes."""
        return self.layer[edge[1]] - self.layer[edge[0]] - 1

    def _chain(self, edge: tuple[Node, Node]) -> None:
        parent, child = edge
        bends = [Bend(edge, number) for number in range(self.layer[parent] + 1, self.layer[child])]
        for bend in bends:
            self.rows[bend.layer].append(bend)
        chain = [parent, *bends, child]
        for one, other in pairwise(chain):
            self.right[one].append(other)
            self.left[other].append(one)
        self.chains[edge] = chain

    def _sort(self, *, rightward: bool) -> None:
        """Order every layer by the mean position of its neighbours in the layer before, so that few edges
        cross.
        """
        beside, order = (self.left, self.order[1:]) if rightward else (self.right, self.order[-2::-1])
        place = {node: number for row in self.rows.values() for number, node in enumerate(row)}

        def wish(node: Node) -> float:
            near = beside[node]
            return sum(place[other] for other in near) / len(near) if near else place[node]

        for number in order:
            self.rows[number] = self._together(self.rows[number], wish)
            place.update({node: at for at, node in enumerate(self.rows[number])})

    def _together(self, row: Sequence[Node], wish: Callable[[Node], float]) -> list[Node]:
        """The nodes in the order of what they wish; those of a group where they wish on average."""
        wishes = {node: wish(node) for node in row}
        members: dict[Hashable, list[Node]] = defaultdict(list)
        for node in row:
            members[self._group(node)].append(node)
        parts = sorted(members.values(), key=lambda part: sum(wishes[node] for node in part) / len(part))
        return [node for part in parts for node in sorted(part, key=wishes.__getitem__)]

    def _group(self, node: Node) -> Hashable:
        """Its group; without one, the node is alone."""
        return ("group", self.groups[node]) if node in self.groups else ("alone", node)

    def _frames(self, places: Mapping[Node, tuple[float, float]]) -> list[Frame]:
        """A frame around each group of two or more nodes in a layer."""
        frames = []
        for row in self.rows.values():
            for _, members in groupby(row, self._group):
                part = [node for node in members if node in self.groups]
                if len(part) > 1:
                    (x, top), (_, low) = places[part[0]], places[part[-1]]
                    width = max(self._size(node).width for node in part)
                    height = low + self._high(part[-1]) - top
                    frames.append(
                        Frame(x - AROUND, top - AROUND, width + 2 * AROUND, round(height + 2 * AROUND, 1))
                    )
        return frames

    def _settle(self) -> None:
        """Move every node towards the middle of its neighbours, keeping order and gaps."""
        self.y: dict[Node, float] = {}
        for row in self.rows.values():
            at = 0.0
            for node in row:
                self.y[node] = at
                at += self._high(node) + BELOW
        for sweep in range(SETTLINGS):
            rightward = sweep % 2 == 0
            beside = self.left if rightward else self.right
            for number in self.order if rightward else self.order[::-1]:
                self._settle_row(self.rows[number], beside)

    def _close_gaps(self) -> None:
        """Parts that no edge joins settle apart: where no layer has anything, what is below moves up."""
        moved, end = 0.0, min(self.y.values())
        for node, y in sorted(self.y.items(), key=lambda item: item[1]):
            moved += max(y - moved - end - BELOW, 0.0)
            self.y[node] = y - moved
            end = max(end, self.y[node] + self._high(node))

    def _settle_row(self, row: list[Node], beside: dict[Node, list[Node]]) -> None:
        y, high = self.y, self._high
        wishes = [self._middle(beside[node]) - high(node) / 2 if beside[node] else y[node] for node in row]
        for at, node in enumerate(row):
            y[node] = max(wishes[at], y[row[at - 1]] + high(row[at - 1]) + BELOW) if at else wishes[at]
        for at in range(len(row) - 2, -1, -1):  # move back up if the push went too far
            y[row[at]] = min(y[row[at]], y[row[at + 1]] - BELOW - high(row[at]))
        over = sum(y[node] - wish for node, wish in zip(row, wishes, strict=True)) / len(row)
        for node in row:
            y[node] -= over

    def _middle(self, nodes: Sequence[Node]) -> float:
        return sum(self.y[node] + self._high(node) / 2 for node in nodes) / len(nodes)

    def _size(self, node: Node) -> Size:
        return self.sizes.get(node, USUAL)

    def _high(self, node: Node) -> int:
        return BEND if isinstance(node, Bend) else self._size(node).height

    def _path(
        self, chain: Sequence[Node], places: dict[Node, tuple[float, float]], bends: dict[Node, float]
    ) -> str:
        """The path from the right side of the first node to the left side of the last: straight inside
        layers, curved between them.
        """
        first, last = chain[0], chain[-1]
        (x, y), (end_x, end_y) = places[first], places[last]
        out = y + self._size(first).height / 2
        points = [(x + self._size(first).width, out), (x + self.across[self.layer[first]], out)]
        for bend in chain[1:-1]:
            assert isinstance(bend, Bend)
            left = self.x[bend.layer]
            points += [(left, bends[bend]), (left + self.across[bend.layer], bends[bend])]
        points.append((end_x, end_y + self._size(last).height / 2))
        path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
        for number, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            middle = (x0 + x1) / 2
            if number % 2:
                path += f"C{middle:.0f} {y0:.0f} {middle:.0f} {y1:.0f} {x1:.0f} {y1:.0f}"
            elif x1 != x0:
                path += f"L{x1:.0f} {y1:.0f}"
        return path
