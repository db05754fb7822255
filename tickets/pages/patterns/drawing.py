"""The graph of a pattern, planned or stored, drawn as that of a ticket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.models.coordination.applied import Applied, AppliedEdge, AppliedTask
from tickets.models.task.fields import status_of
from tickets.models.task.readiness import ready
from tickets.pages.coordination_words import WHEN, Coordination
from tickets.pages.graph import (
    BELOW_LENGTH,
    NARROWER,
    OPERATION,
    TITLE_LENGTH,
    EdgeLine,
    Node,
    cut,
)
from tickets.pages.graph_layout import Drawing, Size, lay_out
from tickets.patterns import forms
from tickets.patterns.document import Pattern
from tickets.patterns.plan import PlannedTask, plan
from tickets.templatetags.tickets import TASK

PLANNED = ("info", "plus")  # tone and icon
SAMPLES = {"task": "1", "tasks": ["1", "2", "3"], "number": 1, "texts": []}


@dataclass(frozen=True)
class Source:
    """A task that was there before."""

    id: str
    key: str
    title: str
    phase: str = ""
    status: str = ""


class PatternDrawing:
    """The tasks of a pattern, and those that they need and that were there before."""

    def __init__(
        self, tasks: Sequence[AppliedTask], edges: Sequence[AppliedEdge], sources: Sequence[Source]
    ) -> None:
        self.tasks = tasks
        self.edges = edges
        self.sources = sources
        self.counts = Counter(edge.task for edge in edges)

    @cached_property
    def drawing(self) -> Drawing:
        order: list[Hashable] = [*(source.id for source in self.sources), *(task.name for task in self.tasks)]
        ends: list[tuple[Hashable, Hashable]] = [(edge.needs, edge.task) for edge in self.edges]
        sizes: dict[Hashable, Size] = {task.name: OPERATION for task in self.tasks if task.operation}
        branches: dict[Hashable, Hashable] = {
            task.name: "split" for task in self.tasks if task.block == "split"
        }
        return lay_out(order, ends, sizes, branches)

    @property
    def lines(self) -> list[EdgeLine]:
        conditions: dict[tuple[Hashable, Hashable], str] = {
            (edge.needs, edge.task): edge.when for edge in self.edges if edge.when in WHEN
        }
        return [EdgeLine("", path, conditions.get(ends, "")) for ends, path in self.drawing.paths.items()]

    @property
    def conditions(self) -> list[tuple[str, str]]:
        shown = {edge.when for edge in self.edges}
        return [(when, words) for when, words in WHEN.items() if when in shown]

    @property
    def nodes(self) -> list[Node]:
        by_name: dict[Hashable, AppliedTask] = {task.name: task for task in self.tasks}
        sources: dict[Hashable, Source] = {source.id: source for source in self.sources}
        return [
            self._node(number, by_name[name], x, y)
            if name in by_name
            else _of_source(number, sources[name], x, y)
            for number, (name, (x, y)) in enumerate(self.drawing.places.items(), 1)
        ]

    @property
    def rows(self) -> list[tuple[AppliedTask, str, list[str]]]:
        """For the list: each task, how it brings others together, and what it needs, in words."""
        names = {source.id: source.key for source in self.sources}
        needs = self._needs(names)
        return [(task, self.coordination(task).sentence, needs.get(task.name, [])) for task in self.tasks]

    def _needs(self, names: Mapping[str, str]) -> dict[str, list[str]]:
        """What each task needs; a task of the pattern by its name there, if `names` has no other."""
        needs: dict[str, list[str]] = {}
        for edge in self.edges:
            words = f" ({WHEN[edge.when]})" if edge.when in WHEN else ""
            needs.setdefault(edge.task, []).append(f"{names.get(edge.needs, edge.needs)}{words}")
        return needs

    def coordination(self, task: AppliedTask) -> Coordination:
        return Coordination(
            task.operation,
            task.join,
            self.counts[task.name],
            task.strategy if task.operation == "merge" else "",
            task.timeout_s if task.operation else None,
            task.on_timeout,
            task.others == "cancel",
        )

    @property
    def cancels_others(self) -> bool:
        """Whether a task of it does."""
        return any(self.coordination(task).cancels for task in self.tasks)

    def _node(self, number: int, task: AppliedTask, x: float, y: float) -> Node:
        together = self.coordination(task)
        status = status_of(task.state, unsatisfiable=False, ready=False) if task.state else ""
        tone, icon = TASK[status] if status else PLANNED
        about = together.brief if task.operation or together.some else ""
        below = " · ".join(part for part in (about, "" if task.operation else _phase(task.phase)) if part)
        narrower = NARROWER if task.operation else 0
        return Node(
            number,
            x,
            y,
            tone,
            icon,
            cut(task.title, TITLE_LENGTH - narrower),
            cut(below, BELOW_LENGTH - narrower),
            " · ".join(part for part in (task.title, status, below, together.sentence) if part),
            status,
            task.operation or ("join" if together.some else "task"),
            together.cancels,
        )

    @property
    def label(self) -> str:
        """What the drawing shows, for those who do not see it."""
        titles = {source.id: source.title for source in self.sources}
        needs = self._needs(titles | {task.name: task.title for task in self.tasks})
        parts = [
            f"{task.title}, after {', '.join(needs[task.name])}{self._then(task)}"
            if task.name in needs
            else task.title
            for task in self.tasks
        ]
        return f"Graph of {len(self.tasks)} tasks: {'; '.join(parts[:50])}"

    def _then(self, task: AppliedTask) -> str:
        return ", then cancels the others" if self.coordination(task).cancels else ""


def of_applied(applied: Applied) -> PatternDrawing:
    sources = [
        Source(str(task.pk), task.key, task.title, task.phase, task_status(task)) for task in applied.sources
    ]
    return PatternDrawing(applied.tasks, applied.edges, sources)


def of_pattern(pattern: Pattern) -> PatternDrawing | None:
    """A pattern with an example of each argument, for a text its name; None if that cannot be."""
    samples: dict[str, Any] = {
        argument.name: SAMPLES.get(argument.kind, humanize.phase(argument.name))
        for argument in forms.arguments(pattern)
    }
    try:
        planned = plan(pattern, samples)
    except OmoiError:
        return None
    return of_plan(planned)


def of_plan(planned: Sequence[PlannedTask]) -> PatternDrawing:
    tasks = [
        AppliedTask(
            name=task.name,
            block=task.block,
            title=task.title,
            kind=task.kind,
            phase=task.phase,
            priority=0,
            operation=task.operation,
            strategy=task.strategy,
            join=task.join,
            timeout_s=task.timeout_s,
            on_timeout=task.on_timeout,
            others=task.others,
        )
        for task in planned
    ]
    edges = [
        AppliedEdge(task.name, str(need.on), need.when, need.on_failure)
        for task in planned
        for need in task.needs
    ]
    there = dict.fromkeys(str(need.on) for task in planned for need in task.needs if isinstance(need.on, int))
    titles = _titles(there)
    return PatternDrawing(tasks, edges, [Source(pk, title, title) for pk, title in titles.items()])


def _titles(there: Iterable[str]) -> dict[str, str]:
    found = list(there)
    return {pk: "Your task" if len(found) == 1 else f"Your task {n}" for n, pk in enumerate(found, 1)}


def _of_source(number: int, source: Source, x: float, y: float) -> Node:
    tone, icon = TASK[source.status] if source.status else ("neutral", "circle")
    return Node(
        number,
        x,
        y,
        tone,
        icon,
        cut(source.title, TITLE_LENGTH),
        cut(_phase(source.phase) or "is there already", BELOW_LENGTH),
        " · ".join(part for part in (source.title, source.status) if part),
        source.status,
    )


def task_status(task: Any) -> str:
    """Of a task, or of a row with its values."""
    return status_of(task.state, unsatisfiable=task.unsatisfiable, ready=ready(task))


def _phase(name: str) -> str:
    return humanize.phase(name) if name else ""
