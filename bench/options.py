"""The options that benches share, and how each prints what it found."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.chart import write_chart
from bench.processes import BenchFailed
from bench.rounds import Measure, merged, rounded


def parser(name: str, about: str) -> argparse.ArgumentParser:
    """The parser of a bench, with the options that all have."""
    made = argparse.ArgumentParser(
        prog=f"python3 manage.py bench {name}", description=about.partition("\n")[0]
    )
    made.add_argument("--json", action="store_true", help="print one JSON document")
    made.add_argument("--rounds", type=number, default=5, help="interleaved rounds (5)")
    made.add_argument("--quick", action="store_true", help="one short round: to see that it works")
    made.add_argument("--svg", type=Path, help="write a chart of the ratios to this file")
    return made


def number(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or not 0 < int(text) <= 10_000_000:
        raise argparse.ArgumentTypeError(f"a whole number above 0, not {text!r}")
    return int(text)


def numbers(text: str) -> list[int]:
    return [number(each) for each in text.split(",")]


def progress(**shape: Any) -> Any:
    """A progress bar on standard error, on a terminal only."""
    from tqdm import tqdm

    return tqdm(file=sys.stderr, disable=None, leave=False, **shape)


@contextlib.contextmanager
def ends_in_words() -> Iterator[None]:
    """A bench that cannot go on ends with a sentence, not a traceback."""
    try:
        yield
    except BenchFailed as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def main(
    name: str,
    title: str,
    asks: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace, Callable[[], Any]], tuple[list[Measure], dict[str, Any]]],
    steps: Callable[[argparse.Namespace], int],
) -> None:
    """Run a bench with the arguments of the command line, behind a progress bar, and print what it found."""
    options = asks.parse_args()
    if options.quick:
        options.rounds = 1
    with ends_in_words():
        with progress(total=steps(options), unit="round", desc=name) as bar:
            measures, more = run(options, bar.update)
        publish(options, title, measures, **more)


def publish(options: argparse.Namespace, title: str, measures: list[Measure], **more: Any) -> None:
    """Print the figures, as JSON or as a table, and write the chart that was asked for."""
    document = merged({measure.name: measure.document() for measure in measures}, options.rounds) | more
    if options.svg:
        write_chart(options.svg, title, document["ratios"])
    if options.json:
        print(json.dumps(document))
        return
    show(measures, print)
    for name, value in more.items():
        print(f"\n{name}: {json.dumps(value)}")


def show(measures: list[Measure], say: Callable[[str], Any]) -> None:
    """A table: each system's median, smallest and largest figure, and the ratio to the peer."""
    say(f"{'':34}{'':34}{'median':>10}{'low':>10}{'high':>10}  unit")
    for measure in measures:
        for n, (system, figures) in enumerate(measure.document()["systems"].items()):
            name = measure.name if n == 0 else ""
            row = "".join(f"{figures[part]:>10}" for part in ("median", "low", "high"))
            say(f"{name:34}{system:34}{row}  {measure.unit}")
        if ratio := measure.ratio():
            low, high = rounded(ratio.low), rounded(ratio.high)
            sides = f"{measure.ours} / {measure.peer}"
            say(f"{'':34}{'ratio':34}{rounded(ratio.median):>10}{low:>10}{high:>10}  {sides}")
