"""The tasks of a ticket as a graph: which nodes are shown, the tone of each edge, and the drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from django.utils import timezone

from omoi_site import humanize
from omoi_site.templatetags.omoi import short
from tickets.models.task import readiness
from tickets.models.task.fields import status_of
from tickets.pages.coordination_words import WHEN, Coordination
from tickets.pages.graph_layout import Drawing, Size, lay_out
from tickets.templatetags.tickets import TASK

LARGE = 150  # with more visible nodes, the list is shown first
MOST = 1000  # tasks in one drawing
FOLD = 0  # the id of the node for all folded tasks; task ids begin at 1
TITLE_LENGTH, BELOW_LENGTH = 17, 21  # characters that fit into a node
OPERATION = Size(148, 40)  # of a sync or a merge
NARROWER = 3  # by so many characters


class TaskState(NamedTuple):
    """`run`, `pattern`: of the pattern whose split added it."""

    id: int
    state: str
    unsatisfiable: bool
    operation: str = ""
    run: str = ""
    pattern: str = ""


class NodeTask(NamedTuple):
    """What the graph shows of a task."""

    id: int
    title: str
    state: str
    unsatisfiable: bool
    ready: bool
    claimed_at: datetime | None
    ended_at: datetime | None
    agent: str | None
    operation: str = ""
    join: int | None = None
    strategy: str = ""
    timeout_s: int | None = None
    on_timeout: str = ""
    cancels_others: bool = False

    def coordination(self, of: int) -> Coordination:
        """How it brings the tasks that it needs together. `of`: how many they are."""
        return Coordination(
            self.operation,
            self.join,
            of,
            self.strategy,
            self.timeout_s,
            self.on_timeout,
            self.cancels_others,
        )


class NeedLine(NamedTuple):
    """A need of the task `child_id`, with what the page shows of its parent."""

    parent_id: int
    child_id: int
    on_end: str
    on_failure: str
    parent_state: str
    ticket_key: str
    title: str

    @property
    def parent_key(self) -> str:
        return f"{self.ticket_key}.{self.parent_id}"

    @property
    def condition(self) -> str:
        """How the parent must end, if not in success."""
        return WHEN.get(self.on_end, "")

    @property
    def met(self) -> bool:
        return readiness.met(self.on_end, self.on_failure, self.parent_state)


@dataclass(frozen=True)
class Node:
    """`cancels`: when it goes on, the others that it needed are cancelled. `critical`: it decides when the
    ticket is done.
    """

    id: int
    x: float
    y: float
    tone: str
    icon: str
    title: str
    below: str
    label: str
    state: str = ""
    shape: str = "task"  # task, join (a task that needs only some), sync, merge
    cancels: bool = False
    critical: bool = False


class Edge(NamedTuple):
    """`when`: how the first task must end, if not in success."""

    tone: str
    when: str = ""


@dataclass(frozen=True)
class EdgeLine:
    tone: str
    path: str
    when: str = ""
    critical: bool = False


class Graph:
    """`tasks`: by id. `critical`: the ids of those that decide when the ticket is done, in order."""

    def __init__(
        self,
        tasks: Mapping[int, TaskState],
        needs: Sequence[NeedLine],
        *,
        unfolded: bool,
        critical: Sequence[int] = (),
    ) -> None:
        self.critical = set(pairwise(critical))
        self.tasks = tasks
        self.counts = Counter(need.child_id for need in needs)
        self.needs = [need for need in needs if need.parent_id in tasks and need.child_id in tasks]
        self.unfolded = unfolded

    @cached_property
    def folded(self) -> set[int]:
        """Finished tasks that no unfinished task waits for directly. Empty if all is finished, or if only one
        task would be folded.
        """
        if self.unfolded:
            return set()
        foldable = self.foldable
        return foldable if len(foldable) > 1 else set()

    @cached_property
    def foldable(self) -> set[int]:
        over = {pk for pk, task in self.tasks.items() if task.state in ("completed", "cancelled")}
        if len(over) == len(self.tasks):
            return set()
        awaited = {need.parent_id for need in self.needs if need.child_id not in over}
        return over - awaited

    @property
    def visible(self) -> int:
        return len(self.tasks) - len(self.folded) + bool(self.folded)

    @property
    def large(self) -> bool:
        return self.visible > LARGE

    @cached_property
    def edges(self) -> dict[tuple[int, int], Edge]:
        """The visible edges. Edges into the fold are not shown, so the fold comes first."""
        shown: dict[tuple[int, int], Edge] = {}
        for need in self.needs:
            if need.child_id not in self.folded:
                edge = (FOLD if need.parent_id in self.folded else need.parent_id, need.child_id)
                shown[edge] = Edge(self._tone(need), need.on_end if need.on_end in WHEN else "")
        return shown

    @cached_property
    def drawing(self) -> Drawing:
        order = [
            *([FOLD] if self.folded else []),
            *(pk for pk in sorted(self.tasks) if pk not in self.folded),
        ]
        sizes: dict[Hashable, Size] = {pk: OPERATION for pk, task in self.tasks.items() if task.operation}
        branches: dict[Hashable, Hashable] = {pk: task.run for pk, task in self.tasks.items() if task.run}
        return lay_out(order, self.edges, sizes, branches)

    @cached_property
    def lines(self) -> list[EdgeLine]:
        """Red lines last, so that they are on top."""
        paths = self.drawing.paths.items()
        lines = [
            EdgeLine(edge.tone, path, edge.when, ends in self.critical)
            for ends, path in paths
            for edge in [self.edges[ends]]  # type: ignore[index]
        ]
        return sorted(lines, key=lambda line: (line.critical, ["", "ok", "bad"].index(line.tone)))

    @cached_property
    def conditions(self) -> list[tuple[str, str]]:
        """The kinds of edges that are not for success alone, each with its words for the legend."""
        shown = {edge.when for edge in self.edges.values()}
        return [(when, words) for when, words in WHEN.items() if when in shown]

    def fold_at(self, x: float, y: float) -> Node:
        """The node for all folded tasks."""
        done = sum(self.tasks[folded].state == "completed" for folded in self.folded)
        more = len(self.folded) - done
        title = f"{done} tasks done" if not more else f"{done} done, {more} cancelled"
        return Node(FOLD, x, y, "ok", "circle-check", title, "show them", f"{title}, show them")

    def _tone(self, need: NeedLine) -> str:
        parent, child = self.tasks[need.parent_id], self.tasks[need.child_id]
        if parent.state in ("pending", "claimed"):
            return "bad" if parent.unsatisfiable else ""
        return "ok" if need.met else "bad" if child.state in ("pending", "cancelled") else ""


def node_of(task: NodeTask, needs: Sequence[NeedLine], x: float, y: float) -> Node:
    """needs: all that the task needs."""
    status = status_of(task.state, unsatisfiable=task.unsatisfiable, ready=task.ready)
    tone, icon = TASK[status]
    together = task.coordination(len(needs))
    key = "" if task.operation else str(task.id)
    about = together.brief if task.operation or together.some else ""
    below = [part for part in (key, about, humanize.actor(task.agent or ""), _time(task)) if part]
    narrower = NARROWER if task.operation else 0
    label = [task.title, status, *below, together.sentence, *conditions(needs)]
    return Node(
        task.id,
        x,
        y,
        tone,
        icon,
        cut(task.title, TITLE_LENGTH - narrower),
        cut(" · ".join(below), BELOW_LENGTH - narrower),
        " · ".join(part for part in label if part),
        status,
        task.operation or ("join" if together.some else "task"),
        together.cancels,
    )


def conditions(needs: Sequence[NeedLine]) -> list[str]:
    """Which of the needs are not for success alone, in words."""
    return [f"needs {need.parent_key} {need.condition}" for need in needs if need.condition]


def _time(task: NodeTask) -> str:
    if not task.claimed_at:
        return ""
    end = task.ended_at or (timezone.now() if task.state == "claimed" else None)
    return short(max(0.0, (end - task.claimed_at).total_seconds())) if end else ""


def cut(text: str, length: int) -> str:
    """The text that fits. A single long word keeps its end too, which distinguishes it from others."""
    if len(text) <= length:
        return text
    return f"{text[: length - 1].rstrip()}…" if " " in text else f"{text[: length - 7]}…{text[-6:]}"
