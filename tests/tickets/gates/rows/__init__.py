"""One row for each gate check: evidence that passes it, and the same evidence spoiled in five ways.

`tests/tickets/gates/test_spoiled_evidence.py` makes a test of each. A module of this package has the rows of
one family of checks in `ROWS`; a check without a row fails.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tests.factories import allow_workflow, complete, owned_by, submit, work_off
from tickets.gates.registry import registered
from tickets.models import Artifact, Task, Ticket, TicketSpec, Verdict, Workflow
from tickets.runtime.check_runner import carry_out_next

SPOILINGS = ["absent", "old", "of_another_commit", "malformed", "contradictory"]


class Scene:
    """A ticket in WORK, whose gate has the check alone. What the check does in a worker is done at once."""

    def __init__(self, entry: dict[str, Any], *, project: Any, operator: Any, ada: Any, bob: Any) -> None:
        self.project, self.operator, self.ada, self.bob = project, operator, ada, bob
        check, parameters = entry["check"], {key: entry[key] for key in entry if key != "check"}
        asked = {check: parameters} if registered()[check].own_key else {"gate": [entry]}
        phases = [{"name": "WORK", "to": ["DONE"], **asked}, {"name": "DONE", "to": []}]
        workflow = Workflow.objects.install({"name": "one_check", "phases": phases})
        spec = TicketSpec("Payments", workflow=allow_workflow(project, workflow))
        self.ticket = Ticket.objects.open(project, spec, by=operator)

    def submit(self, kind: str, content: bytes, *, by: Any = None, **more: Any) -> Artifact:
        return submit(self.ticket, kind, content, by=by or self.ada, **more)

    def work_off(self) -> None:
        """A task of the phase is added and completed."""
        work_off(self.ticket, by=self.operator, agent=self.ada)

    def judge(self) -> Verdict:
        verdict = Ticket.objects.judge(pk=self.ticket.pk, by=self.operator)
        ran = [True for _ in iter(lambda: carry_out_next("test"), False)]
        return Ticket.objects.judge(pk=self.ticket.pk, by=self.operator) if ran else verdict

    def review(self, result: Any, *, by: Any = None) -> None:
        """Judging adds a review; it is claimed and completed, by default by somebody else's agent."""
        by = by or owned_by(self.bob, "cem")
        self.judge()
        [claim] = Task.objects.claim(by=by)
        complete(claim, by=by, result=result)


Act = Callable[[Scene], Any]


@dataclass(frozen=True)
class Spoiled:
    """code: of the reason that refuses it. act: hands the evidence in; `old` acts after the good evidence."""

    code: str
    act: Act = lambda scene: None


@dataclass(frozen=True)
class Row:
    """entry: the parameters of the check, or what gives them inside `around`. good: hands in what passes. A
    spoiling that this check cannot have is a sentence that says why.
    """

    entry: dict[str, Any] | Callable[[], dict[str, Any]]
    good: Act
    absent: Spoiled | str
    old: Spoiled | str
    of_another_commit: Spoiled | str
    malformed: Spoiled | str
    contradictory: Spoiled | str
    around: Callable[[], AbstractContextManager[Any]] = nullcontext  # what the check needs meanwhile
