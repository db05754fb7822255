"""Interleaved rounds, their spread and their ratios."""

from __future__ import annotations

import pytest

from bench.processes import BenchFailed
from bench.rounds import Measure, Spread, interleave, merged


def test_every_system_is_measured_in_every_round_and_every_second_round_goes_backwards():
    order = []

    def measured(name):
        return lambda: order.append(name) or float(len(order))

    found = interleave(Measure("pace", "1/s"), {name: measured(name) for name in "abc"}, rounds=2)

    assert order == ["a", "b", "c", "c", "b", "a"]
    assert found.figures == {"a": [1.0, 6.0], "b": [2.0, 5.0], "c": [3.0, 4.0]}


def test_a_ratio_is_taken_inside_each_round():
    """A neighbour that halves the pace of one round does not change it."""
    measure = Measure("pace", "1/s", peer="other", figures={"omoi": [100, 50, 30], "other": [200, 100, 20]})

    assert measure.ratio() == Spread(0.5, 0.5, 1.5)


def test_a_measure_without_its_peer_has_no_ratio():
    assert Measure("pace", "1/s", figures={"omoi": [1.0]}).ratio() is None


def test_a_peer_that_did_nothing_is_no_peer():
    with pytest.raises(BenchFailed, match="pace: other did nothing"):
        Measure("pace", "1/s", peer="other", figures={"omoi": [1.0], "other": [0.0]}).ratio()


def test_the_document_files_figures_by_system_and_ratios_by_measure():
    measure = Measure("pace", "1/s", peer="other", figures={"omoi": [1, 3, 2], "other": [4, 4, 4]})

    document = merged({"pace": measure.document()}, rounds=3)

    assert document["rounds"] == 3
    assert document["systems"]["omoi"]["pace"] == {
        "unit": "1/s",
        "median": 2.0,
        "low": 1.0,
        "high": 3.0,
        "rounds": [1.0, 3.0, 2.0],
    }
    assert document["ratios"]["pace"] == {
        "of": "omoi",
        "to": "other",
        "better": "more",
        "median": 0.5,
        "low": 0.25,
        "high": 0.75,
    }
