"""Interleaved rounds: every system is measured once in each round, so that a busy neighbour or a slow disk
meets all of them, and a ratio is taken inside each round.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.processes import BenchFailed


@dataclass(frozen=True)
class Spread:
    """The median of some figures, and the smallest and the largest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: list[float]) -> Spread:
        return cls(statistics.median(figures), min(figures), max(figures))

    def document(self) -> dict[str, float]:
        return {"median": rounded(self.median), "low": rounded(self.low), "high": rounded(self.high)}


def rounded(figure: float) -> float:
    """The figure with four significant digits."""
    return float(f"{figure:.4g}")


@dataclass
class Measure:
    """One thing that is measured for several systems, in rounds.

    better: `more` (per second) or `less` (seconds, microseconds). ours and peer: the systems whose ratio is
    taken, ours divided by the peer's..
    """

    name: str
    unit: str
    better: str = "more"
    ours: str = "omoi"
    peer: str = ""
    figures: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self) -> Spread | None:
        """Ours to the peer's, round by round."""
        ours, peer = self.figures.get(self.ours), self.figures.get(self.peer)
        if not ours or not peer:
            return None
        if not all(peer):
            raise BenchFailed(f"{self.name}: {self.peer} did nothing in a round. Give it longer rounds.")
        return Spread.of([one / other for one, other in zip(ours, peer, strict=True)])

    def _sides(self) -> dict[str, Any]:
        return {"of": self.ours, "to": self.peer, "better": self.better}

    def document(self) -> dict[str, Any]:
        ratio = self.ratio()
        return {
            "unit": self.unit,
            "systems": {
                name: {**Spread.of(each).document(), "rounds": [rounded(one) for one in each]}
                for name, each in self.figures.items()
            },
            **({"ratio": self._sides() | ratio.document()} if ratio else {}),
        }


def interleave(
    measure: Measure,
    systems: Mapping[str, Callable[[], float]],
    rounds: int,
    step: Callable[[], Any] = lambda: None,
) -> Measure:
    """Measure each system once a round; every second round goes backwards. `step` is called after each."""
    names = list(systems)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            measure.figures.setdefault(name, []).append(systems[name]())
            step()
    return measure


def merged(documents: Mapping[str, dict[str, Any]], rounds: int) -> dict[str, Any]:
    """The document of a bench: its figures by system, and the ratios by measure."""
    systems: dict[str, dict[str, Any]] = {}
    for measure, document in documents.items():
        for system, figures in document["systems"].items():
            systems.setdefault(system, {})[measure] = {"unit": document["unit"], **figures}
    return {
        "rounds": rounds,
        "systems": systems,
        "ratios": {
            measure: document["ratio"] for measure, document in documents.items() if "ratio" in document
        },
    }
