"""Lays out a graph without cycles in layers from left to right: a place for each node and a path for each
edge. Each sweep is O(V + E): the bends of long edges are limited too.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

WIDTH, HEIGHT = 164, 46  # of a node
BESIDE, BELOW, MARGIN = 30, 14, 8  # gaps between layers and between nodes of a layer; margin around all
BEND = 16  # height of an edge where it passes a layer
ORDERINGS, SETTLINGS = 6, 8
BENDS = 10_000  # in all, for the shortest edges; longer ones go straight behind the nodes

Node = Hashable


@dataclass(frozen=True)
class Bend:
    """The point where a long edge passes a layer."""

    edge: tuple[Node, Node]
    layer: int


@dataclass
class Drawing:
    """`places` are the upper left corners, `paths` SVG path data by edge."""

    places: dict[Node, tuple[float, float]] = field(default_factory=dict)
    paths: dict[tuple[Node, Node], str] = field(default_factory=dict)
    width: int = 0
    height: int = 0


def lay_out(nodes: Sequence[Node], edges: Iterable[tuple[Node, Node]]) -> Drawing:
    """Lay these nodes out. Raises ValueError if the edges form a cycle."""
    if not nodes:
        return Drawing()
    layout = Layout(nodes, list(dict.fromkeys(edges)))
    return layout.draw()


class Layout:
    def __init__(self, nodes: Sequence[Node], edges: Sequence[tuple[Node, Node]]) -> None:
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

    def draw(self) -> Drawing:
        for sweep in range(ORDERINGS):
            self._sort(rightward=sweep % 2 == 0)
        self._settle()
        top = min(self.y.values())
        places = {
            node: (self._x(self.layer[node]), round(self.y[node] - top + MARGIN, 1)) for node in self.nodes
        }
        bends: dict[Node, float] = {
            node: round(y - top + MARGIN + BEND / 2, 1)
            for node, y in self.y.items()
            if isinstance(node, Bend)
        }
        paths = {edge: self._path(chain, places, bends) for edge, chain in self.chains.items()}
        width = 2 * MARGIN + (max(self.layer.values()) + 1) * (WIDTH + BESIDE) - BESIDE
        return Drawing(
            places,
            paths,
            round(width),
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
            self.rows[number].sort(key=wish)
            place.update({node: at for at, node in enumerate(self.rows[number])})

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

    @staticmethod
    def _high(node: Node) -> int:
        return BEND if isinstance(node, Bend) else HEIGHT

    @staticmethod
    def _x(layer: int) -> float:
        return MARGIN + layer * (WIDTH + BESIDE)

    def _path(
        self, chain: Sequence[Node], places: dict[Node, tuple[float, float]], bends: dict[Node, float]
    ) -> str:
        """The path from the right side of the first node to the left side of the last: straight inside
        layers, curved between them.
        """
        (x, y), (end_x, end_y) = places[chain[0]], places[chain[-1]]
        points = [(x + WIDTH, y + HEIGHT / 2)]
        for bend in chain[1:-1]:
            assert isinstance(bend, Bend)
            points += [(self._x(bend.layer), bends[bend]), (self._x(bend.layer) + WIDTH, bends[bend])]
        points.append((end_x, end_y + HEIGHT / 2))
        path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
        for number, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            middle = (x0 + x1) / 2
            path += (
                f"L{x1:.0f} {y1:.0f}"
                if number % 2
                else f"C{middle:.0f} {y0:.0f} {middle:.0f} {y1:.0f} {x1:.0f} {y1:.0f}"
            )
        return path
