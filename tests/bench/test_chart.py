"""The chart of ratios."""

from __future__ import annotations

from xml.etree import ElementTree

from bench.chart import Bar, chart, marks
from bench.rounds import Measure

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*bars: Bar) -> ElementTree.Element:
    return ElementTree.fromstring(chart("Claims & lists", bars))


def test_bars_begin_at_the_peer_and_their_length_is_the_ratio():
    image = drawn(Bar("twice", "peer", 2.0, 1.8, 2.2), Bar("half", "peer", 0.5, 0.4, 0.6))
    ahead, behind = (bar for bar in image.iter(f"{SVG}rect") if "bar" in bar.get("class", ""))
    [equal] = [line for line in image.iter(f"{SVG}line") if line.get("class") == "equal"]

    assert ahead.get("x") == equal.get("x1")
    assert float(behind.get("x", 0)) + float(behind.get("width", 0)) == float(equal.get("x1", 0))
    assert ahead.get("width") == behind.get("width")  # the scale is logarithmic
    assert (ahead.get("class"), behind.get("class")) == ("bar", "bar behind")


def test_the_chart_holds_texts_as_they_are_and_follows_the_scheme_of_the_reader():
    text = chart("Claims & lists", [Bar("<one>", "FastAPI + asyncpg", 1.0, 1.0, 1.0)])

    assert "Claims &amp; lists" in text
    assert "&lt;one&gt;" in text
    assert "prefers-color-scheme: dark" in text


def test_every_bar_and_its_spread_lie_inside_the_chart():
    image = drawn(Bar("far ahead", "peer", 40.0, 20.0, 60.0), Bar("far behind", "peer", 0.01, 0.005, 0.02))
    width = float(image.get("viewBox", "").split()[2])

    for line in image.iter(f"{SVG}line"):
        assert 0 < float(line.get("x1", 0)) <= float(line.get("x2", 0)) < width


def test_where_less_is_better_the_ratio_is_turned_round():
    measure = Measure("chain", "s", "less", peer="celery", figures={"omoi": [1, 2], "celery": [8, 8]})

    bar = Bar.of("chain", measure.document()["ratio"])

    assert (bar.peer, bar.low, bar.high) == ("celery", 4.0, 8.0)


def test_the_scale_has_round_marks():
    assert marks(-1, 1) == [0.1, 0.2, 0.5, 1, 2, 5, 10]
