"""Placement: where the tasks of a pattern go in a ticket, with what follows from the tasks that they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omoi_site import field_limits
from omoi_site.errors import Invalid, short
from tickets.models.coordination.applied import Applied, AppliedEdge, AppliedTask
from tickets.models.coordination.operation import OperationSpec
from tickets.models.task.task import Task
from tickets.models.task.task_spec import NeedSpec, TaskSpec
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.workflow_tasks import PRIORITIES, filled
from tickets.patterns.document import Pattern
from tickets.patterns.plan import PlannedTask, phase_name
from tickets.workflows.fault_texts import did_you_mean
from tickets.workflows.faults import Fault


@dataclass(frozen=True)
class Placement:
    """The tasks of a pattern with their specs, and those that they need and that are there already."""

    pattern: Pattern
    planned: Sequence[PlannedTask]
    specs: Sequence[TaskSpec]
    sources: Mapping[int, Task]

    @contextmanager
    def faults_named(self) -> Iterator[None]:
        """Faults of the specs as faults of the document, with their places there."""
        try:
            yield
        except Invalid as refusal:
            raise self.pattern.refusal(
                [self._fault(error["field"], error["message"]) for error in refusal.more["errors"]]
            ) from refusal

    def _fault(self, field: str, message: str) -> Fault:
        _, _, rest = field.partition("tasks.")
        place, _, inner = rest.partition(".")
        if not place.isdigit():
            return Fault((), message)
        task = self.planned[int(place)]
        return Fault((*task.path, inner), f"{task.name}: {message}")

    def previewed(self, key: str) -> Applied:
        tasks = [
            AppliedTask(
                name=task.name,
                block=task.block,
                title=spec.title,
                kind=spec.kind,
                phase=spec.phase,
                priority=spec.priority or 0,
                operation=task.operation,
                strategy=task.strategy,
                join=task.join,
                profile=task.profile,
                capabilities=task.capabilities,
                timeout_s=task.timeout_s if task.operation == "sync" else None,
                on_timeout=task.on_timeout if task.operation == "sync" else "",
                others=task.others,
            )
            for task, spec in zip(self.planned, self.specs, strict=True)
        ]
        edges = [
            AppliedEdge(task.name, str(need.on), need.when, need.on_failure)
            for task in self.planned
            for need in task.needs
        ]
        return Applied(key, self.pattern.name, tasks, edges, list(self.sources.values()))


def place(
    ticket: Ticket, pattern: Pattern, planned: Sequence[PlannedTask], phases: Mapping[str, str]
) -> Placement:
    """The tasks as the ticket takes them. Raises InvalidPattern with every fault: phases that its workflow
    lacks, and tasks that its project does not have.
    """
    wanted = {need.on for task in planned for need in task.needs if isinstance(need.on, int)}
    sources = Task.objects.filter(project=ticket.project_id).in_bulk(wanted)
    placer = _Placer(ticket, {phase_name(there): phase_name(here) for there, here in phases.items()}, sources)
    specs = [placer.spec(task) for task in planned]
    faults = [*placer.faults, *placer.unused()]
    if faults:
        raise pattern.refusal(faults)
    return Placement(pattern, planned, specs, dict(sorted(sources.items())))


class _Placer:
    def __init__(self, ticket: Ticket, phases: Mapping[str, str], sources: Mapping[int, Task]) -> None:
        self.ticket, self.phases, self.sources = ticket, phases, sources
        self.names = [phase.name for phase in ticket.plan.phases]
        self.works_in = ticket.plan.works_in(ticket.effective_phase)
        self.made: dict[str | int, tuple[str, int]] = {
            pk: (task.phase, task.priority) for pk, task in sources.items()
        }
        self.used: set[str] = set()
        self.faults: list[Fault] = []
        self.lacking: set[str] = set()

    def spec(self, task: PlannedTask) -> TaskSpec:
        needed = [self.made[need.on] for need in task.needs if need.on in self.made]
        for number, need in enumerate(task.needs):
            if need.on not in self.made:
                self.faults.append(
                    Fault(task.path, f"there is no task {need.on} in this project", ("needs", number))
                )
        phase = self._phase(task, [phase for phase, _ in needed])
        priority = PRIORITIES[task.priority] if task.priority else self._first_priority(needed)
        self.made[task.name] = (phase, priority)
        words = {"ticket": self.ticket.key, "title": self.ticket.title, "phase": phase}
        return TaskSpec(
            ref=task.name,
            title=self._short("title", filled(task.title, words)),
            description=self._short("description", filled(task.description, words)),
            kind=task.kind,
            phase=phase,
            priority=priority,
            capabilities=task.capabilities,
            needs=[NeedSpec(need.on, need.when, need.on_failure) for need in task.needs],
            join=task.join,
            coordination=self._operation(task),
            cancels_others=task.others == "cancel",
            profile=task.profile,
            slots=filled(dict(task.slots), words),
            timeout_s=None if task.operation else task.timeout_s,
            max_attempts=task.max_attempts,
        )

    def unused(self) -> Iterator[Fault]:
        for name in self.phases:
            if name not in self.used:
                yield Fault(("phases", name), f"the pattern names no phase {short(name, 60)}")

    def _phase(self, task: PlannedTask, needed: Sequence[str]) -> str:
        """Its own; else the latest of those where work is now and of the tasks that it needs."""
        if not task.phase:
            known = [phase for phase in (*needed, self.works_in) if phase in self.names]
            return max(known, key=self.names.index, default=self.works_in)
        name = phase_name(task.phase)
        self.used.add(name)
        here = self.phases.get(name, name)
        if here not in self.names and here not in self.lacking:
            self.lacking.add(here)
            workflow = f"{self.ticket.workflow} has no phase {short(here, 60)}"
            hint = did_you_mean(here, self.names) or f"; it has: {', '.join(self.names)}"
            self.faults.append(
                Fault(("phases", name), f"{workflow}{hint}")
                if name in self.phases
                else Fault(
                    (*task.path, "phase_id"),
                    f"{workflow}; name the one that stands for it in `phases`, such as"
                    f' {{"{short(name, 60)}": "{self.works_in}"}}',
                )
            )
        return here

    def _first_priority(self, needed: Sequence[tuple[str, int]]) -> int:
        return needed[0][1] if needed else int(self.ticket.priority)

    @staticmethod
    def _operation(task: PlannedTask) -> OperationSpec | None:
        if not task.operation:
            return None
        return OperationSpec(
            task.operation,
            strategy=task.strategy if task.operation == "merge" else "",
            timeout_s=task.timeout_s,
            on_timeout=task.on_timeout,
        )

    def _short(self, name: str, text: Any) -> str:
        return short(text, field_limits.longest(Task, name))
