"""A graph is drawn in layers: every edge runs to the right, no node lies on another."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from tickets.pages.graph_layout import BELOW, BENDS, HEIGHT, WIDTH, Size, lay_out


def some(count: int, seed: int = 1) -> tuple[range, list[tuple[int, int]]]:
    chance = random.Random(seed)
    edges = {
        (chance.randint(max(0, n - 30), n - 1), n)
        for n in range(1, count)
        for _ in range(chance.choice((1, 1, 2)))
    }
    return range(count), sorted(edges)


@pytest.mark.parametrize("seed", range(5))
def test_every_edge_runs_to_the_right_and_no_node_lies_on_another(seed):
    nodes, edges = some(200, seed)
    drawing = lay_out(nodes, edges)
    assert set(drawing.places) == set(nodes)
    assert set(drawing.paths) == set(edges)
    assert all(drawing.places[parent][0] + WIDTH < drawing.places[child][0] for parent, child in edges)
    columns: dict[float, list[float]] = {}
    for x, y in drawing.places.values():
        columns.setdefault(x, []).append(y)
        assert 0 <= x <= drawing.width - WIDTH
        assert 0 <= y <= drawing.height - HEIGHT
    for column in columns.values():
        tops = sorted(column)
        assert all(below - above >= HEIGHT + BELOW - 0.2 for above, below in pairwise(tops))


def test_a_chain_is_a_line_and_a_cycle_is_refused():
    drawing = lay_out("abc", [("a", "b"), ("b", "c")])
    assert len({y for _, y in drawing.places.values()}) == 1
    assert drawing.paths["a", "b"].startswith("M")
    with pytest.raises(ValueError, match="cycle"):
        lay_out("ab", [("a", "b"), ("b", "a")])
    assert lay_out([], []).width == 0


def test_parts_that_nothing_joins_stand_below_each_other_without_a_gap():
    """As the tasks of a vote stand beside a join: left alone, they settle a screen apart."""
    first, second = [("a", "b"), ("b", "c")], [("s", "1"), ("s", "2"), ("s", "3"), ("1", "e"), ("x", "y")]
    nodes = sorted({node for edge in first + second for node in edge})
    for order in (nodes, nodes[::-1]):
        drawing = lay_out(order, first + second)
        tops = sorted(y for _, y in drawing.places.values())
        assert max(below - above for above, below in pairwise(tops)) <= HEIGHT + BELOW
        assert drawing.height <= tops[-1] + HEIGHT + 2 * BELOW


def test_nodes_of_a_group_stand_together_in_one_frame():
    """The others of their layer would stand between them, by what they are joined to."""
    edges = [("source", node) for node in "abcdef"] + [(node, "top") for node in "ace"]
    edges += [(node, "low") for node in "bdf"]
    groups = dict.fromkeys("abe", "split")
    drawing = lay_out(["source", *"abcdef", "top", "low"], edges, groups=groups)

    order = sorted("abcdef", key=lambda node: drawing.places[node][1])
    first = min(order.index(node) for node in groups)
    assert set(order[first : first + 3]) == set(groups)
    [frame] = drawing.frames
    inside = [
        node
        for node, (x, y) in drawing.places.items()
        if frame.x < x + WIDTH and x < frame.x + frame.width
        if frame.y < y + HEIGHT and y < frame.y + frame.height
    ]
    assert set(inside) == set(groups)
    assert frame.y >= 0


def test_a_smaller_node_is_met_where_it_is_and_left_where_it_ends():
    small = Size(100, 20)
    drawing = lay_out("abc", [("a", "b"), ("b", "c")], sizes={"b": small})

    (x, y), (next_x, _) = drawing.places["b"], drawing.places["c"]
    assert drawing.paths["a", "b"].endswith(f" {x:.0f} {y + 10:.0f}")
    assert drawing.paths["b", "c"].startswith(f"M{x + 100:.0f} {y + 10:.0f}")
    assert next_x < x + WIDTH


def test_many_long_edges_do_not_make_the_drawing_quadratic():
    """A chain whose first task all others need too: each of those edges passes all layers up to its end."""
    nodes = range(1000)
    edges = [*pairwise(nodes), *((0, node) for node in range(2, 1000))]
    paths = lay_out(nodes, edges).paths
    assert set(paths) == set(edges)
    assert sum(path.count("L") for path in paths.values()) <= BENDS


def test_the_largest_graph_that_is_drawn_takes_less_than_two_seconds():
    begun = time.process_time()
    lay_out(*some(1000))
    assert time.process_time() - begun < 2
