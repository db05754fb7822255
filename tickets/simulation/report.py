"""The report of a run: the audit of the journal, and what the agents noticed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from tickets.simulation.audit import AuditResult


@dataclass
class AgentMessages:
    """The messages of the agents. They are counted and compared with the journal, never trusted."""

    acknowledged: set[tuple[int, int]] = field(
        default_factory=set
    )  # (task, fence) whose completion was confirmed
    claim_ms: list[float] = field(
        default_factory=list
    )  # for each call that granted something without waiting: from its last sending to its answer
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
    """`killed` counts kills by role. `bound_s` is the time that agents without overhead would need. `ended`
    says why the run stopped early.
    """

    audit: AuditResult
    messages: AgentMessages
    killed: dict[str, int]
    bound_s: float | None
    seconds: float
    ended: str

    @property
    def good(self) -> bool:
        return not self.ended and self.audit.done == self.audit.tasks and self.audit.faultless

    def as_dict(self) -> dict[str, Any]:
        audit, messages = self.audit, self.messages
        return {
            "tasks": audit.tasks,
            "done": audit.done,
            "held": audit.held,
            "done_twice": audit.done_twice,
            "order_violations": audit.order_violations,
            "refused": messages.counts["refused"],
            "kills": sum(self.killed.values()),
            "claim_ms": {"p50": percentile(messages.claim_ms, 50), "p95": percentile(messages.claim_ms, 95)},
            "makespan_s": audit.makespan_s,
            "bound_s": self.bound_s,
            "seconds": self.seconds,
            "good": self.good,
            "killed": self.killed,
            "held_twice": audit.held_twice,
            "lost": audit.lost,
            "unanswered": messages.counts["unanswered"],
            "faults": audit.faults,
            "ended": self.ended,
        }


def percentile(values: list[float], which: int) -> float | None:
    if len(values) < 2:
        return round(values[0], 2) if values else None
    return round(quantiles(values, n=100, method="inclusive")[which - 1], 2)
