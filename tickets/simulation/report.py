"""What is told of a run: the judge's verdict beside what the agents noticed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from tickets.simulation.judge import Verdict


@dataclass
class Heard:
    """What the agents said: counted and compared with the journal, never believed."""

    acknowledged: set[tuple[int, int]] = field(
        default_factory=set
    )  # (task, fence) whose completion was confirmed
    claim_ms: list[float] = field(
        default_factory=list
    )  # of each call that granted something and did not wait for it, from its last sending to its answer
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def take(self, line: dict[str, Any]) -> None:
        what = line["what"]
        self.counts[what] += 1
        if what == "claimed" and line["tasks"] and line["ms"] is not None:
            self.claim_ms.append(line["ms"])
        elif what == "completed":
            self.acknowledged.add((line["task"], line["fence"]))
        elif what == "failed":
            self.failures.append(line["why"])


@dataclass(frozen=True)
class Report:
    """`killed` counts by role; `bound_s` is what a crew without overhead would need; `ended` says why it
    ended early.
    """

    verdict: Verdict
    heard: Heard
    killed: dict[str, int]
    bound_s: float | None
    seconds: float
    ended: str

    @property
    def good(self) -> bool:
        return not self.ended and self.verdict.done == self.verdict.tasks and self.verdict.faultless

    def as_dict(self) -> dict[str, Any]:
        verdict, heard = self.verdict, self.heard
        return {
            "tasks": verdict.tasks,
            "done": verdict.done,
            "held": verdict.held,
            "done_twice": verdict.done_twice,
            "order_violations": verdict.order_violations,
            "refused": heard.counts["refused"],
            "kills": sum(self.killed.values()),
            "claim_ms": {"p50": percentile(heard.claim_ms, 50), "p95": percentile(heard.claim_ms, 95)},
            "makespan_s": verdict.makespan_s,
            "bound_s": self.bound_s,
            "seconds": self.seconds,
            "good": self.good,
            "killed": self.killed,
            "held_twice": verdict.held_twice,
            "lost": verdict.lost,
            "unanswered": heard.counts["unanswered"],
            "faults": verdict.faults,
            "ended": self.ended,
        }


def percentile(values: list[float], which: int) -> float | None:
    if len(values) < 2:
        return round(values[0], 2) if values else None
    return round(quantiles(values, n=100, method="inclusive")[which - 1], 2)
